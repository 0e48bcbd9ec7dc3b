"""What is wrong with a labelled file, and what to label next: all from the vectors that are kept."""
