"""Is this frame usable: brightness, saturation, focus, illumination, confluence."""
