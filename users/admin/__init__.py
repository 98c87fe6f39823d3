"""
The Django admin, for reviewing evidence: it shows and changes nothing.

Only who signed in with both factors and holds `audit.view` gets in. It has no door of its own: others
are sent to the console's sign-in. (The runtime role could not change evidence anyway.)
"""

from users.admin import decisions, doors, evidence, factors, people
from users.admin.site import site

__all__ = ["decisions", "doors", "evidence", "factors", "people", "site"]
