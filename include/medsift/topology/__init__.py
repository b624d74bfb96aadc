"""Brings up the embedded stack (Postgres and Airflow on this machine), watches it, takes it down.

Airflow is never imported here: it runs in child processes and is spoken to by REST.
"""
