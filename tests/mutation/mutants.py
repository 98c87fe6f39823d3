"""
The mutants of one file, as lines of JSON: mutmut's operators, one change each, in the bodies of its functions.

mutmut's own runner passes by every decorated function, and each operation is one. It lives apart (`bin/mutation`), so
this is run by the Python beside it and imports nothing of the desk.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

Found = tuple[str, cst.CSTNode]
NOT_RUN = (cst.Annotation, cst.Parameters, cst.Decorator)  # what a call does not evaluate


def main() -> None:
    """Print those of the file that is named."""
    wrapper = MetadataWrapper(cst.parse_module(Path(sys.argv[1]).read_text(encoding="utf-8")))
    module, places = wrapper.module, wrapper.resolve(PositionProvider)
    for function, node in inside(module):
        for changed in changes(node):
            place: CodeRange = places[node]
            mutant = {
                "function": function,
                "first": place.start.line,
                "last": place.end.line,
                "before": one_line(node),
                "after": one_line(changed),
                "source": module.deep_replace(node, changed).code,
            }
            print(json.dumps(mutant))


def inside(node: cst.CSTNode, path: str = "", *, is_body: bool = False) -> Iterator[Found]:
    """Every node of a function's body, with the name of the outermost function it is in."""
    for child in node.children:
        if isinstance(child, NOT_RUN):
            continue
        if is_body:
            yield path, child
            yield from inside(child, path, is_body=True)
        elif isinstance(child, cst.FunctionDef | cst.ClassDef):
            name = f"{path}.{child.name.value}".lstrip(".")
            yield from inside(child.body, name, is_body=isinstance(child, cst.FunctionDef))
        else:
            yield from inside(child, path)


def changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """What becomes of the node; of a text's three changes only the first, the others are alike."""
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            made = iter(operator(node))
            if isinstance(node, cst.BaseString):
                yield from [one for one in [next(made, None)] if one is not None]
            else:
                yield from made


def one_line(node: cst.CSTNode) -> str:
    """The node's code on one line."""
    return " ".join(cst.Module(body=[]).code_for_node(node).split())


if __name__ == "__main__":
    main()
