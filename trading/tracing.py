"""
Traces of requests, statements, jobs and calls, sent to where `OTEL_EXPORTER_OTLP_ENDPOINT` says.

Loaded only where it is set (`trading.apps`): elsewhere nothing of the library is imported. The library reads its own
variables (OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, …) from the environment itself. A trace begins with a
request and goes on through the jobs that it causes, up to the message that goes out; what nobody asked for (periodic
jobs, polls of the queue) is not traced: it would be most of it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from httpx import URL
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from users import context

UNTRACED = "^health,metrics,static/"  # as `trading.middleware` keeps them out of the log
WHERE_URLS_ARE = ("http.url", "url.full", "http.target", "url.path", "url.query")
PARENT, STATE = "traceparent", "tracestate"

_tracer = trace.get_tracer("desk")
_propagator = TraceContextTextMapPropagator()

type Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


class Trace:
    """Travels with every job (`trading.lib.trail`)."""

    def pack(self) -> Mapping[str, str]:
        """Where the trace that runs is, if one does."""
        carried: dict[str, str] = {}
        _propagator.inject(carried)
        return carried

    @contextmanager
    def follow(self, trail: Mapping[str, str], job: str) -> Iterator[None]:
        """Go on with the trace that the job came from; one that came from none begins none."""
        if PARENT not in trail:
            yield
            return
        carried = {name: trail[name] for name in (PARENT, STATE) if name in trail}
        name, _number, _rest = job.partition("[")
        facts = {"desk.job": job, "desk.request_id": context.current().request_id}
        parent = _propagator.extract(carried)
        with _tracer.start_as_current_span(name, context=parent, kind=SpanKind.CONSUMER, attributes=facts):
            yield


def start() -> Trace:
    """Begin to trace this process."""
    provider = TracerProvider(resource=Resource.create(_who()))
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces"))
    )
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(excluded_urls=UNTRACED, response_hook=_name_request)
    HTTPXClientInstrumentor().instrument(request_hook=_hide_url, async_request_hook=_hide_url_of)
    connection_created.connect(_watch, dispatch_uid="trading.tracing")
    return Trace()


def _who() -> dict[str, str]:
    """What the library does not know by OTEL_SERVICE_NAME: which process of the desk this is, and its version."""
    is_command = Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1
    name = {} if settings.OTEL_SERVICE_NAME else {"service.name": f"desk-{sys.argv[1] if is_command else 'web'}"}
    return name | {"service.version": settings.VERSION, "desk.revision": settings.REVISION}


def _name_request(span: Span, request: HttpRequest, _response: HttpResponse) -> None:
    """Let whoever has a request's id find its trace."""
    span.set_attribute("desk.request_id", getattr(request, "request_id", ""))


def _hide_url(span: Span, request: RequestInfo) -> None:
    """Keep of an address where it leads, no more: the bot's token and keys of nodes are in paths and queries."""
    attributes: Mapping[str, object] = getattr(span, "attributes", None) or {}
    where = f"{request.url.scheme}://{request.url.host}" if isinstance(request.url, URL) else ""
    for name in WHERE_URLS_ARE:
        if name in attributes:
            span.set_attribute(name, where)


async def _hide_url_of(span: Span, request: RequestInfo) -> None:
    _hide_url(span, request)


def _watch(connection: Any, **_: object) -> None:
    """Note the statements of a connection; of those that belong to no trace, none."""
    if _note not in connection.execute_wrappers:
        connection.execute_wrappers.append(_note)


def _note(execute: Execute, sql: str, params: Any, many: bool, details: dict[str, Any]) -> Any:  # noqa: FBT001 - Django's signature
    """Run a statement; its text is noted, its values are not."""
    if not trace.get_current_span().get_span_context().is_valid:
        return execute(sql, params, many, details)
    text = str(sql)
    facts = {"db.system.name": "postgresql", "db.query.text": text}
    with _tracer.start_as_current_span(text.split(maxsplit=1)[0].lower(), kind=SpanKind.CLIENT, attributes=facts):
        return execute(sql, params, many, details)
