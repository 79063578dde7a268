"""``exercises``: a chapter's exercises, taken from where ``metagrad learn`` has them."""

from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from metagrad.learn import chapters, exercise


class Exercises(SphinxDirective):
    """The exercises of the chapter whose number is the argument."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """How to start, and each exercise with what to fill in."""
        number = directives.positive_int(self.arguments[0])
        try:
            chapter = chapters.chapter(number)
        except ValueError as error:
            raise self.error(str(error)) from error
        if chapter.page != self.env.docname:
            raise self.error(f"chapter {number} says that its page is {chapter.page}, and this is {self.env.docname}")
        commands = f"metagrad learn start {number}\nmetagrad learn check {number}"
        self.env.note_dependency(exercise.__file__)
        return [
            nodes.paragraph(
                "", "The first command writes a file to work in; the second checks it and says what is still missing."
            ),
            nodes.literal_block(commands, commands, language="bash"),
            *(node for i, one in enumerate(chapter.exercises) for node in shown(i + 1, one)),
        ]


def shown(i: int, one: exercise.Exercise) -> list[nodes.Node]:
    """One exercise."""
    task, stub = " ".join(one.task.split()), one.stub.strip()
    words = [nodes.literal("", part) if j % 2 else nodes.Text(part) for j, part in enumerate(task.split("`"))]
    text = nodes.paragraph("", "", nodes.strong("", f"Exercise {i}. "), *words)
    return [text, nodes.literal_block(stub, stub, language="python")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Make it known."""
    app.add_directive("exercises", Exercises)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
