"""Web archives: the records of WARC files, and which of them are pages to read."""
