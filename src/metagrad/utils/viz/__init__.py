"""Pictures of graphs and models, shown in a notebook by naming them, and as DOT and SVG text everywhere.

>>> import metagrad
>>> from metagrad import viz
>>> a = metagrad.tensor(2.0, requires_grad=True)
>>> picture = viz.graph(a * a, names={"a": a})
>>> [vertex.label for vertex in picture.vertices]
['Mul', 'a']

===============  ===============================================================
``graph.py``     ``graph``: what stands behind a tensor, as vertices and edges
``watching.py``  ``watch``: every value and every gradient, while they are made
``layout.py``    where the boxes stand: layers, few crossings
``drawing.py``   a laid-out graph as SVG
``dot.py``       a graph as DOT, and as SVG by Graphviz
``layers.py``    ``layers``: a model's summary as a picture
===============  ===============================================================
"""

from metagrad.utils.viz.graph import Graph, Vertex, graph
from metagrad.utils.viz.layers import layers
from metagrad.utils.viz.watching import Step, Watch, watch

__all__ = ["Graph", "Step", "Vertex", "Watch", "graph", "layers", "watch"]
