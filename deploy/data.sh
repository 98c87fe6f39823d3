# shellcheck shell=bash
# What backup, restore and drill share; sourced after lib.sh. PostgreSQL's programs run in its own container, over its
# socket, so that no password is needed and they are of the server's version.

backups=${DESK_BACKUPS:-$here/backups}
database=${DESK_DATABASE:-desk}
owner_role=${DESK_OWNER_ROLE:-desk_owner}
app_role=${DESK_APP_ROLE:-desk_app}
# shellcheck disable=SC2034 # lib.sh reads it
once_name=desk-data-once

in_postgres() { dc "$release" exec -T postgres "$@"; }
as_superuser() { in_postgres psql -XqAt -v ON_ERROR_STOP=1 -U postgres -d postgres "$@" </dev/null; }
sums_of() { in_postgres psql -XqAt -v ON_ERROR_STOP=1 -U "$owner_role" -d "$1" <"$here/sums.sql"; }

server_of() {
    as_superuser -c "select system_identifier from pg_control_system()"
}

latest_backup() { [ ! -d "$backups" ] || find "$backups" -maxdepth 1 -name '*.dump' | sort | tail -n 1; }

# What a backup's note says of it.
about() { sed -n "s/^$2=//p" "${1%.dump}.about"; }

# The file is what was written then.
unharmed() { [ "$(about "$1" SHA256)" = "$(sha256sum <"$1" | cut -d ' ' -f 1)" ]; }

make_copy() {
    local name=$1
    as_superuser -c "drop database if exists \"$name\" with (force)" \
        -c "create database \"$name\" owner \"$owner_role\" encoding 'UTF8' template template0" \
        -c "revoke all on database \"$name\" from public" \
        -c "grant connect on database \"$name\" to \"$app_role\""
}

load_from() {
    in_postgres pg_restore --exit-on-error --single-transaction --no-password -U "$owner_role" -d "$1" <"$2"
}

drop_copy() { as_superuser -c "drop database if exists \"$1\" with (force)"; }

# The copy holds what the backup noted, no more and no less.
same_sums() {
    sums_of "$1" >"$log/sums"
    diff "${2%.dump}.sums" "$log/sums"
}

# The evidence in the copy is whole. 14: the last events before the backup are not sealed in it, and nobody seals there.
verify_copy() {
    local status=0
    once "$release" on "$1" manage audit_verify || status=$?
    [ $status -eq 0 ] || [ $status -eq 14 ]
}
