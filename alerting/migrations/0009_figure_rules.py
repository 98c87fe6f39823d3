"""
The database counts for Prometheus what happens on the big tables, as it happens; what happened before is added up here.

Counted are events: an RFQ is counted again as it ends, a quote at every step, a trade as it is settled or undone.
"""

from django.db import migrations
from django.db.migrations.operations.special import RunSQL

from trading.lib.schema import function_back

STEPS = """
create function desk_figure_bounds(figure text) returns numeric[] language sql immutable
    set search_path = pg_catalog, pg_temp as $$
    select case figure
        when 'desk_time_to_settle_seconds'
        then array[10, 30, 60, 120, 300, 600, 900, 1800, 3600, 14400, 86400]::numeric[]
        else array[0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300]::numeric[]
    end
$$;

create function desk_figure_bucket(figure text, seconds numeric) returns text language sql immutable
    set search_path = pg_catalog, public, pg_temp as $$
    select coalesce(
        (select min(bound)::text from unnest(desk_figure_bounds(figure)) as bound where bound >= seconds), '+Inf'
    )
$$;

create function desk_step(figure text, given text[], comes_to numeric) returns void language sql
    set search_path = pg_catalog, public, pg_temp as $$
    insert into alerting_figurestep (name, labels, number, amount) values (figure, given, 1, comes_to)
$$;

create function desk_observe(figure text, given text[], took interval) returns void language sql
    set search_path = pg_catalog, public, pg_temp as $$
    select desk_step(figure, given || desk_figure_bucket(figure, seconds), seconds)
    from (select greatest(extract(epoch from took), 0)::numeric as seconds) as one
$$;
"""

# The LP's first firm quote is its answer, and the first of all LPs the RFQ's. (One taken down from a call that was firm
# once and is not live any more cannot be told from one that never was: it is taken for the latter.)
MARKET = """
create function desk_step_rfq() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    perform desk_step('desk_rfqs', array[new.side, new.status], 0);
    return null;
end $$;

create function desk_step_quote() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
declare
    asked record;
    answered record;
begin
    select rfq.side, rfq.created_at, lp.ref, invitation.invited_at into asked
    from rfq_rfq as rfq
    join users_counterparty as lp on lp.id = new.lp_id
    left join rfq_invitation as invitation on invitation.rfq_id = rfq.id and invitation.lp_id = lp.id
    where rfq.id = new.rfq_id;
    perform desk_step('desk_quotes', array[asked.side, new.status], 0);
    if new.status <> 'active' then
        return null;
    end if;
    select count(*) = 0 as is_first, count(*) filter (where lp_id = new.lp_id) = 0 as is_its_first into answered
    from rfq_quote
    where rfq_id = new.rfq_id and id <> new.id and status <> 'rejected'
        and (entered_by_id is null or status in ('active', 'traded'));
    if answered.is_first then
        perform desk_step('desk_rfqs', array[asked.side, 'quoted'], 0);
        perform desk_observe('desk_time_to_first_quote_seconds', '{}', new.updated_at - asked.created_at);
    end if;
    if answered.is_its_first then
        perform desk_step('desk_lp_answered', array[asked.ref], 0);
        if asked.invited_at < new.updated_at then
            perform desk_observe('desk_lp_quote_seconds', array[asked.ref], new.updated_at - asked.invited_at);
        end if;
    end if;
    return null;
end $$;

create function desk_step_invitations() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into alerting_figurestep (name, labels, number, amount)
    select 'desk_lp_asked', array[lp.ref], count(*), 0
    from added join users_counterparty as lp on lp.id = added.lp_id group by lp.ref;
    return null;
end $$;

create function desk_step_fill() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    perform desk_step('desk_fills', array[new.side, 'filled'], new.base_amount);
    return null;
end $$;

create trigger figure_born after insert on rfq_rfq for each row execute function desk_step_rfq();
create trigger figure_ended after update of status on rfq_rfq for each row
    when (old.status is distinct from new.status and new.status not in ('open', 'quoted'))
    execute function desk_step_rfq();
create trigger figure_born after insert on rfq_quote for each row execute function desk_step_quote();
create trigger figure_moved after update of status on rfq_quote for each row
    when (old.status is distinct from new.status) execute function desk_step_quote();
create trigger figure_asked after insert on rfq_invitation referencing new table as added
    for each statement execute function desk_step_invitations();
create trigger figure_filled after insert on rfq_fill for each row execute function desk_step_fill();
"""
MARKET_BACK = """
drop trigger figure_born on rfq_rfq;
drop trigger figure_ended on rfq_rfq;
drop trigger figure_born on rfq_quote;
drop trigger figure_moved on rfq_quote;
drop trigger figure_asked on rfq_invitation;
drop trigger figure_filled on rfq_fill;
"""

MONEY = """
create function desk_step_settlement() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    perform desk_step('desk_fills', array[new.side, new.status], new.base_amount);
    if old.settled_at is null and new.settled_at is not null then
        perform desk_observe('desk_time_to_settle_seconds', '{}', new.settled_at - new.created_at);
    end if;
    return null;
end $$;

create function desk_step_entries() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into alerting_figurestep (name, labels, number, amount)
    select 'desk_ledger', array[account.kind, added.layer], count(*), sum(added.amount)
    from added join settlement_ledgeraccount as account on account.id = added.account_id
    where added.asset_id = 'USDT' group by account.kind, added.layer;
    return null;
end $$;

create trigger figure_moved after update of status on settlement_settlement for each row
    when (old.status is distinct from new.status
        and new.status in ('settled', 'settled_manually', 'cancelled', 'reversed'))
    execute function desk_step_settlement();
create trigger figure_posted after insert on settlement_entry referencing new table as added
    for each statement execute function desk_step_entries();
"""
MONEY_BACK = """
drop trigger figure_moved on settlement_settlement;
drop trigger figure_posted on settlement_entry;
"""

WORDS = """
create function desk_step_word() returns trigger language plpgsql
    set search_path = pg_catalog, public, pg_temp as $$
begin
    perform desk_step(tg_argv[0], array[new.status], 0);
    return null;
end $$;

create trigger figure_ended after update of status on alerting_inboundupdate for each row
    when (old.status is distinct from new.status and new.status <> 'waiting')
    execute function desk_step_word('desk_telegram_updates');
create trigger figure_ended after update of status on alerting_outboundmessage for each row
    when (old.status is distinct from new.status and new.status not in ('waiting', 'sending'))
    execute function desk_step_word('desk_telegram_messages');
"""
WORDS_BACK = """
drop trigger figure_ended on alerting_inboundupdate;
drop trigger figure_ended on alerting_outboundmessage;
"""

# The triggers above hold off writers until this is committed: nothing is missed, nothing is counted twice.
BEFORE = """
insert into alerting_figuretotal (name, labels, number, amount)
select 'desk_rfqs', array[side, born], count(*), 0
from (select side, case status when 'rejected' then 'rejected' else 'open' end as born from rfq_rfq) as rfq
group by side, born
union all
select 'desk_rfqs', array[side, status], count(*), 0 from rfq_rfq
where status in ('filled', 'cancelled', 'expired') group by side, status
union all
select 'desk_quotes', array[rfq.side, quote.status], count(*), 0
from rfq_quote as quote join rfq_rfq as rfq on rfq.id = quote.rfq_id group by rfq.side, quote.status
union all
select 'desk_fills', array[side, 'filled'], count(*), sum(base_amount) from rfq_fill group by side
union all
select 'desk_fills', array[side, status], count(*), sum(base_amount) from settlement_settlement
where status in ('settled', 'settled_manually', 'cancelled', 'reversed') group by side, status
union all
select 'desk_lp_asked', array[lp.ref], count(*), 0
from rfq_invitation as invitation join users_counterparty as lp on lp.id = invitation.lp_id group by lp.ref
union all
select 'desk_ledger', array[account.kind, entry.layer], count(*), sum(entry.amount)
from settlement_entry as entry join settlement_ledgeraccount as account on account.id = entry.account_id
where entry.asset_id = 'USDT' group by account.kind, entry.layer
union all
select 'desk_telegram_updates', array[status], count(*), 0 from alerting_inboundupdate
where status <> 'waiting' group by status
union all
select 'desk_telegram_messages', array[status], count(*), 0 from alerting_outboundmessage
where status not in ('waiting', 'sending') group by status;

insert into alerting_figuretotal (name, labels, number, amount)
select 'desk_time_to_settle_seconds', array[desk_figure_bucket('desk_time_to_settle_seconds', seconds)],
    count(*), sum(seconds)
from (
    select extract(epoch from settled_at - created_at)::numeric as seconds from settlement_settlement
    where settled_at is not null
) as settled group by 2;

with answers as (
    select quote.rfq_id, quote.lp_id, min(quote.created_at) as at from rfq_quote as quote
    where status <> 'rejected' and (entered_by_id is null or status in ('active', 'traded'))
    group by quote.rfq_id, quote.lp_id
), firsts as (
    select rfq.side, greatest(extract(epoch from min(answers.at) - rfq.created_at), 0)::numeric as seconds
    from answers join rfq_rfq as rfq on rfq.id = answers.rfq_id group by rfq.id
), of_lps as (
    select lp.ref, extract(epoch from answers.at - invitation.invited_at)::numeric as seconds
    from answers
    join users_counterparty as lp on lp.id = answers.lp_id
    left join rfq_invitation as invitation
        on invitation.rfq_id = answers.rfq_id and invitation.lp_id = answers.lp_id
)
insert into alerting_figuretotal (name, labels, number, amount)
select 'desk_rfqs', array[side, 'quoted'], count(*), 0 from firsts group by side
union all
select 'desk_time_to_first_quote_seconds', array[desk_figure_bucket('desk_time_to_first_quote_seconds', seconds)],
    count(*), sum(seconds)
from firsts group by 2
union all
select 'desk_lp_answered', array[ref], count(*), 0 from of_lps group by ref
union all
select 'desk_lp_quote_seconds', array[ref, desk_figure_bucket('desk_lp_quote_seconds', seconds)], count(*), sum(seconds)
from of_lps where seconds > 0 group by 2;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("alerting", "0008_figures"),
        ("rfq", "0018_reversal_rules"),
        ("settlement", "0043_arrival_rules"),
    ]
    operations = [
        RunSQL(
            STEPS,
            function_back(
                "desk_observe(text, text[], interval)",
                "desk_step(text, text[], numeric)",
                "desk_figure_bucket(text, numeric)",
                "desk_figure_bounds(text)",
            ),
        ),
        RunSQL(
            MARKET,
            MARKET_BACK
            + function_back("desk_step_rfq()", "desk_step_quote()", "desk_step_invitations()", "desk_step_fill()"),
        ),
        RunSQL(MONEY, MONEY_BACK + function_back("desk_step_settlement()", "desk_step_entries()")),
        RunSQL(WORDS, WORDS_BACK + function_back("desk_step_word()")),
        RunSQL(BEFORE, "delete from alerting_figuretotal"),
    ]
