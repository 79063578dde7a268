"""ops/reduce"""
