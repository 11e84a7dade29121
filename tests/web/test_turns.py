"""One writer an upload, however many connections come for it at once."""

import anyio

from pcap_analyzer.web.resumable import Turns


def test_nobody_writes_beside_whoever_was_just_handed_the_turn() -> None:
    """The third comes in the moment between the first one's leaving and the second one's going on."""
    turns = Turns()
    inside = 0
    most = 0
    ended: list[str] = []

    async def take(name: str, first_in: anyio.Event) -> None:
        nonlocal inside, most
        async with turns.of("upload") as scope:
            inside += 1
            most = max(most, inside)
            first_in.set()
            with scope:
                await anyio.sleep(0.05)
            inside -= 1
            ended.append(name)

    async def many() -> None:
        async with anyio.create_task_group() as group:
            began = anyio.Event()
            group.start_soon(take, "0", began)
            await began.wait()
            for name in range(1, 30):
                group.start_soon(take, str(name), anyio.Event())
                for _ in range(name % 4):
                    await anyio.lowlevel.checkpoint()

    anyio.run(many)
    assert most == 1
    assert sorted(ended, key=int) == [str(name) for name in range(30)]
    assert not turns.known
