"""Neural networks at work: FLUX, Qwen2-VL and SigLIP, their precision, memory and speed.

Belongs here: everything that speaks torch. Does not: Dagster, roles, files of ads. Imported only inside
`setup_for_execution` of the roles and by the GPU benchmark, never by the embedded profile.
"""
