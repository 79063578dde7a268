"""ops/pointwise"""
