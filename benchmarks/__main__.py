"""All benchmarks, one after another: `make bench`."""

from benchmarks import load, profile, reconcile, redaction, sample_rate, search_quality

for module in (sample_rate, load, reconcile, profile, redaction, search_quality):
    print(f"\n## {module.__name__}\n{(module.__doc__ or '').strip()}\n")
    module.main([])
