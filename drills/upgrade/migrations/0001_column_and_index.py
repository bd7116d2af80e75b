from django.db import migrations


class Migration(migrations.Migration):
    operations = [
        migrations.RunSQL("ALTER TABLE ads_spendlog ADD COLUMN batch varchar(64) NOT NULL DEFAULT ''"),
        migrations.RunSQL("CREATE INDEX spendlog_by_kind ON ads_spendlog (brand_id, kind, spent_on)"),
    ]
