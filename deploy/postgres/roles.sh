#!/bin/bash
# Run once, by the image of PostgreSQL, when its data folder is made: the desk's two roles and its database, with the
# passwords that stand in the two addresses.
set -euo pipefail

# postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE
part() {
    local at
    at=$(tr -d '[:space:]' <"/run/secrets/$1")
    if [[ ! $at =~ ^postgres(ql)?://([a-z_]+):([A-Za-z0-9_.~-]+)@[^/@]+/([a-z_]+)$ ]]; then
        echo "The secret $1 is no postgresql://role:password@host:port/database with a password of A-Z a-z 0-9 _ . ~ -" >&2
        exit 1
    fi
    printf '%s' "${BASH_REMATCH[$2]}"
}

owner=$(part database_owner_url 2)
app=$(part database_url 2)
database=$(part database_url 4)
psql -v ON_ERROR_STOP=1 -U postgres -d postgres \
    -v owner="$owner" -v owner_password="$(part database_owner_url 3)" \
    -v app="$app" -v app_password="$(part database_url 3)" -v database="$database" <<'SQL'
create role :"owner" login password :'owner_password';
create role :"app" login password :'app_password';
create database :"database" owner :"owner" encoding 'UTF8' template template0;
revoke all on database :"database" from public;
grant connect on database :"database" to :"app";
SQL
