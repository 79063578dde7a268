"""The tagger as an HTTP service.

===============  ==========================================================
``app.py``       the addresses, what they take and answer, and the limits
``server.py``    uvicorn with its patience limited
``batching.py``  requests that come at the same time, tagged together
``page.html``    a page to try it on
===============  ==========================================================
"""
