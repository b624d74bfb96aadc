#!/bin/sh
# Service `init`: the inbox, databases, roles, tables, the pool and the first user. Safe to repeat; it runs at every start.
set -eu

# People put files here before the first run makes it.
mkdir -p "$MEDSIFT_VOLUME/inbox"

MEDSIFT_DATABASE_URL="$DATABASE_ADMIN_URL" medsift db prepare <<PASSWORDS
medsift_owner $DATABASE_OWNER_PASSWORD
medsift $DATABASE_TASK_PASSWORD
medsift_reader $DATABASE_READER_PASSWORD
airflow $DATABASE_AIRFLOW_PASSWORD
PASSWORDS
MEDSIFT_DATABASE_URL="$DATABASE_OWNER_URL" medsift db migrate

airflow db migrate
# A person may have given the pool more slots since.
airflow pools get gpu >/dev/null 2>&1 || airflow pools set gpu 1 "Tasks that need the GPU, one at a time"
# Asked for twice on standard input, so that no command line holds the password.
printf '%s\n%s\n' "$FIRST_USER_PASSWORD" "$FIRST_USER_PASSWORD" | airflow users create \
    --username "$FIRST_USER" --role Admin --firstname "$FIRST_USER" --lastname medsift --email "$FIRST_USER@localhost"
# Without it the side bar shows these roles no entry of a plugin.
airflow roles add-perms Viewer User Op --action can_read --resource Plugins
