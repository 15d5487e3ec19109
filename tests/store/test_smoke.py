async def test_smoke(make_hub):
    hub = await make_hub()
    from core.usecases.drain import drain

    assert (await drain(hub)).claimed == 0
