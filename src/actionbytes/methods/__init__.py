"""Methods: one folder each. A method knows arrays; it knows no files, no evaluation and not how videos are stored."""
