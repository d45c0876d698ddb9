"""All benchmarks, one after another: `make bench`."""

from tests.support.weaviate_server import binary

from benchmarks import (
    completion,
    load,
    profile,
    providers,
    reconcile,
    sample_rate,
    search_eval,
    search_speed,
    weaviate_crashes,
    weaviate_load,
    words_speed,
)

WITH_SERVER = (weaviate_load, weaviate_crashes) if binary() else ()

for module in (
    sample_rate,
    load,
    reconcile,
    profile,
    search_eval,
    search_speed,
    words_speed,
    providers,
    completion,
    *WITH_SERVER,
):
    print(f"\n## {module.__name__}\n{(module.__doc__ or '').strip()}\n")
    module.main([])
