-- What a database holds, in lines that can be compared: rows of every table, the money of every account, the end of the
-- evidence, and what guards it. For psql, as the owner: a backup notes it, a restore and a drill compare.
select format('select %L, count(*) from %I', 'rows ' || tablename, tablename)
    from pg_tables where schemaname = 'public' order by tablename \gexec
select 'entries', asset_id, layer, sum(amount), sum(abs(amount)) from settlement_entry group by asset_id, layer order by 1, 2, 3;
select 'balances', count(*), sum(posted), sum(held), md5(string_agg(account_id || ':' || posted || ':' || held, ',' order by account_id))
    from settlement_balance;
select 'events', count(*), max(id) from users_auditevent;
select 'seal', number, encode(hash, 'hex') from users_auditseal order by number desc limit 1;
select 'migrations', count(*), max(id) from django_migrations;
select 'triggers', count(*) from pg_trigger where not tgisinternal and tgenabled = 'O';
select 'functions', count(*) from pg_proc where pronamespace = 'public'::regnamespace;
