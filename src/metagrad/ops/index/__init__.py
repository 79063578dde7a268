"""ops/index"""
