"""Array in, array out: the fast code behind some ops, which knows nothing of autograd.

Each has a reference implementation elsewhere, in ordinary ops, and a test that holds both equal.

=================  ==============================================================
``workspace.py``   memory that is used again
``products.py``    products of matrices on several threads
``threads.py``     work on several threads, with BLAS held to one thread each
``steps.py``       the order in which a recurrent layer visits packed steps
``rnn.py``         the plain recurrent network over a whole sequence
``lstm.py``        the LSTM
``gru.py``         the GRU
=================  ==============================================================
"""
