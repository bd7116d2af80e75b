"""What one would write for a sweep by hand, for PostgreSQL alone: the whole rule as one statement.

It tells status and reasons but not when they change next, and keeps no lock; nothing but the benchmark uses it.
"""

REASONS = """
    SELECT c.id, c.brand_id, c.status AS was_status, c.reason_codes AS was_reasons, concat_ws(',',
        CASE WHEN NOT b.is_active OR b.archived_at IS NOT NULL THEN 'BRAND_INACTIVE' END,
        CASE WHEN NOT c.enabled OR c.archived_at IS NOT NULL THEN 'SWITCHED_OFF' END,
        CASE WHEN c.start_date > b.today THEN 'FLIGHT_NOT_STARTED' END,
        CASE WHEN c.end_date < b.today THEN 'FLIGHT_ENDED' END,
        CASE WHEN coalesce(bd.spent_micros - bd.waived_micros, 0) >= b.daily_budget_micros THEN 'BRAND_DAILY' END,
        CASE WHEN coalesce(bm.spent_micros - bm.waived_micros, 0) >= b.monthly_budget_micros THEN 'BRAND_MONTHLY' END,
        CASE WHEN coalesce(cd.spent_micros - cd.waived_micros, 0) >= c.daily_budget_micros THEN 'CAMPAIGN_DAILY' END,
        CASE WHEN coalesce(cm.spent_micros - cm.waived_micros, 0)
            >= c.monthly_budget_micros THEN 'CAMPAIGN_MONTHLY' END,
        CASE WHEN coalesce(ct.spent_micros - ct.waived_micros, 0) >= c.total_budget_micros THEN 'CAMPAIGN_TOTAL' END,
        CASE WHEN w.is_open IS FALSE THEN 'OUTSIDE_DAYPARTING' END) AS reasons
    FROM ads_campaign c
    JOIN (SELECT *, (%(now)s AT TIME ZONE timezone)::date AS today FROM ads_brand) b ON b.id = c.brand_id
    LEFT JOIN ads_brandperiod bd ON bd.brand_id = b.id AND bd.kind = 'DAY' AND bd.starts_on = b.today
    LEFT JOIN ads_brandperiod bm ON bm.brand_id = b.id AND bm.kind = 'MONTH'
        AND bm.starts_on = date_trunc('month', b.today)::date
    LEFT JOIN ads_campaignperiod cd ON cd.campaign_id = c.id AND cd.kind = 'DAY' AND cd.starts_on = b.today
        AND c.daily_budget_micros IS NOT NULL
    LEFT JOIN ads_campaignperiod cm ON cm.campaign_id = c.id AND cm.kind = 'MONTH'
        AND cm.starts_on = date_trunc('month', b.today)::date AND c.monthly_budget_micros IS NOT NULL
    LEFT JOIN ads_campaignperiod ct ON ct.campaign_id = c.id AND ct.kind = 'FLIGHT'
        AND c.total_budget_micros IS NOT NULL
    LEFT JOIN (
        SELECT s.campaign_id, bool_or(
            (s.day_of_week IS NULL OR s.day_of_week =
                CASE WHEN l.local::time >= s.start_time OR s.end_time > s.start_time
                THEN extract(isodow FROM l.local) - 1 ELSE (extract(isodow FROM l.local) + 5)::int %% 7 END)
            AND CASE WHEN s.end_time = '00:00' THEN l.local::time >= s.start_time
                WHEN s.end_time > s.start_time THEN l.local::time >= s.start_time AND l.local::time < s.end_time
                ELSE l.local::time >= s.start_time OR l.local::time < s.end_time END) AS is_open
        FROM ads_daypartingschedule s JOIN ads_campaign sc ON sc.id = s.campaign_id
        JOIN (SELECT id, %(now)s AT TIME ZONE timezone AS local FROM ads_brand) l ON l.id = sc.brand_id
        GROUP BY s.campaign_id
    ) w ON w.campaign_id = c.id
"""

DECIDED = f"""
    SELECT *, CASE WHEN reasons = '' THEN 'ACTIVE'
        WHEN reasons LIKE 'BRAND_INACTIVE%%' OR reasons LIKE 'SWITCHED_OFF%%' THEN 'INACTIVE'
        WHEN reasons LIKE 'FLIGHT_ENDED%%' THEN 'COMPLETED' ELSE 'PAUSED' END AS status
    FROM ({REASONS}) AS found
"""  # noqa: S608 - nothing is put in

READ = f"SELECT * FROM ({DECIDED}) AS d WHERE status <> was_status OR reasons <> was_reasons"  # noqa: S608

WRITE = f"""
    WITH d AS MATERIALIZED ({READ}),
    written AS (
        UPDATE ads_campaign c SET status = d.status, reason_codes = d.reasons, status_since = %(now)s
        FROM d WHERE c.id = d.id
    )
    INSERT INTO ads_statuschange (brand_id, sequence, campaign_id, from_status, from_reason_codes, to_status,
        reason_codes, cause, by, at)
    SELECT d.brand_id, coalesce(last.sequence, 0) + row_number() OVER (PARTITION BY d.brand_id ORDER BY d.id),
        d.id, was_status, was_reasons, status, reasons, 'SWEEP', '', %(now)s
    FROM d LEFT JOIN (SELECT brand_id, max(sequence) AS sequence FROM ads_statuschange GROUP BY brand_id) last
        ON last.brand_id = d.brand_id
"""  # noqa: S608
