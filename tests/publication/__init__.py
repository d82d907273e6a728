"""From draft to issued document to target: once, whatever is interrupted."""
