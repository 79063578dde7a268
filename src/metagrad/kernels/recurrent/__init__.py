"""Recurrent layers over whole sequences, forward and backward, array in, array out.

===================  =================================================================
``steps.py``         the order in which a recurrent layer visits packed steps
``rnn.py``           the plain recurrent network
``lstm.py``          the LSTM
``gru.py``           the GRU
``loops.py``          the same three on compiled loops
``cuda.py``           the same three for a GPU: their texts in CUDA C
``one_sequence.py``  a single sequence without a gradient, both directions in one loop
===================  =================================================================
"""
