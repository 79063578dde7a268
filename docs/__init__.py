"""The book and the manual, and what builds them into a site: ``python -m docs``. How a chapter is written: ``writing.md``."""
