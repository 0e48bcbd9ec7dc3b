"""What is wrong with a labelled file, and what to label next: all from the vectors that are kept."""

from frostline.review.results import Review
from frostline.review.run import Pool, ReviewOptions, review

__all__ = ["Pool", "Review", "ReviewOptions", "review"]
