"""What the console's pages about money ask for."""

from settlement.forms.flag import FlagOnForm
from settlement.forms.money import AccountForm, ActForm, AddressForm, DepositForm, NettingForm, SentForm
from settlement.forms.parties import PartyForm

__all__ = ["AccountForm", "ActForm", "AddressForm", "DepositForm", "FlagOnForm", "NettingForm", "PartyForm", "SentForm"]
