"""Made clips of cameras: smoke and fire, and what looks like them."""
