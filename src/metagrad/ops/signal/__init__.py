"""ops/signal"""
