"""What registering a hook returns: each handle has a number of its own."""

import sys
import threading
from collections import OrderedDict

import metagrad


def test_threads_that_register_at_once_lose_no_hook():
    hooks, interval = OrderedDict(), sys.getswitchinterval()

    def register():
        for _ in range(2000):
            metagrad.utils.hooks.RemovableHandle(hooks, print)

    threads = [threading.Thread(target=register) for _ in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(hooks) == 8000


def test_a_handle_that_was_pickled_keeps_its_number_to_itself():
    handle = metagrad.utils.hooks.RemovableHandle(OrderedDict())
    copied = metagrad.utils.hooks.RemovableHandle.__new__(metagrad.utils.hooks.RemovableHandle)
    copied.__setstate__((None, handle.id + 5))
    assert metagrad.utils.hooks.RemovableHandle.next_id == handle.id + 6
    assert metagrad.utils.hooks.RemovableHandle(OrderedDict()).id == handle.id + 6
