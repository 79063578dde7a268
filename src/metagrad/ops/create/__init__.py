"""ops/create"""
