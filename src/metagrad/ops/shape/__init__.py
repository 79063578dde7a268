"""ops/shape"""
