"""The commander's command line, in English and Chinese by locale."""
