"""The reconcile loop: count, find gaps, identify, recover, report and alert (contract §12)."""
