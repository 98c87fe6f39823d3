"""What people fill in about alerts and about what the desk tells them."""

from alerting.forms.alerts import RuleForm, SilenceForm

__all__ = ["RuleForm", "SilenceForm"]
