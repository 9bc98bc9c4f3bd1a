"""Turn the knobs: what an explorer knows, and how it is shown (notebook 3)."""

from .toy import Toy
from .views import explore

__all__ = ["Toy", "explore"]
