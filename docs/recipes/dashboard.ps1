# Print what a dashboard shows, as JSON: how much expires when, the next ten to expire, and what needs a person. The scope `read` is enough.
. "$PSScriptRoot/site-api.ps1"

$expiry = Invoke-Site GET '/expiry/?page_size=10'
$needs = @{}
Get-SiteRow '/attention/?page_size=500' | Group-Object severity | ForEach-Object { $needs[$_.Name] = $_.Count }
$fields = 'kind', 'subject', 'holder', 'not_after', 'days_left'
$next = $expiry.results | Select-Object -Property $fields
@{
    totals = $expiry.totals
    next   = @($next)
    needs  = $needs
} | ConvertTo-Json -Depth 5
