"""Images in: finding, reading, caching, grouping and splitting them."""
