"""What people fill in about what they are told."""

from collections.abc import Iterator

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from alerting import mailboxes, preferences, topics
from alerting.models import Channel, NotificationChoice, QuietHours
from users.forms import ConsoleForm
from users.forms.base import SecretInput
from users.models import User

Level = NotificationChoice.Level
MAIL_WORDS = {Level.ON: _("by mail"), Level.OFF: _("not at all")}


class LevelsForm(ConsoleForm):
    """How the reader hears of each topic by each channel, and when not with sound."""

    quiet_hours = forms.CharField(
        label=_("Quiet hours"),
        help_text=_("On your own clock, like 22:00-07:00. Telegram is silent then, and mail waits. Empty: none."),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
    )

    def __init__(self, data: QueryDict | None = None, *, user: User) -> None:
        super().__init__(data, scope="levels")
        self._topics = topics.of(user)
        for channel in Channel:
            chosen = preferences.levels_of(user, channel)
            for topic in self._topics:
                self.fields[f"{channel}-{topic.code}"] = _field(topic, channel)
                self.initial[f"{channel}-{topic.code}"] = chosen[topic.code]
        hours = QuietHours.objects.filter(user=user).first()
        self.initial["quiet_hours"] = str(hours).replace("–", "-") if hours else ""

    def rows(self) -> Iterator[tuple[topics.Topic, list[forms.BoundField]]]:
        """Each topic with its field for each channel."""
        for topic in self._topics:
            yield topic, [self[f"{channel}-{topic.code}"] for channel in Channel]

    def choices(self) -> Iterator[tuple[str, str, str]]:
        """What was chosen: topic, channel, level."""
        for channel in Channel:
            for topic in self._topics:
                yield topic.code, channel, self.cleaned_data[f"{channel}-{topic.code}"]


def _field(topic: topics.Topic, channel: Channel) -> forms.ChoiceField:
    words = Level.choices if channel == Channel.TELEGRAM else list(MAIL_WORDS.items())
    label = _("%(topic)s: %(channel)s") % {"topic": topic.words, "channel": channel.label}
    field = forms.ChoiceField(label=label, choices=words)
    field.widget.attrs["class"] = "in"
    return field


class AddressForm(ConsoleForm):
    """Where the reader wants to be mailed."""

    address = forms.CharField(
        label=_("E-mail address"),
        help_text=_("A code goes there; nothing else does before you have entered it here."),
        max_length=mailboxes.LONGEST,
        error_messages={"required": _("E-mail address: enter yours.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "dir": "ltr"}),
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, scope="address")


class ProofOfAddressForm(ConsoleForm):
    """The code that was mailed."""

    mail_code = forms.CharField(
        label=_("Code from the mail"),
        help_text=_("8 digits; good for an hour."),
        max_length=20,
        error_messages={"required": _("Code from the mail: enter it.")},
        widget=SecretInput(attrs={"inputmode": "numeric", "autocomplete": "off", "dir": "ltr"}),
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, scope="proof")
