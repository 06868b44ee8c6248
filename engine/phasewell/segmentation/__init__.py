"""The eight steps from an 8-bit frame to a label image."""
