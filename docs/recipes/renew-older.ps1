# Renew every node whose service certificate is older than a month: ./renew-older.ps1 [DAYS]. It waits for the new certificates.
param([int]$Days = 30)
. "$PSScriptRoot/site-api.ps1"

$before = (Get-Date).ToUniversalTime().AddDays(-$Days)
function Get-ServiceCertificate($Node) {
    $Node.certificates | Where-Object { $_.kind -eq 'service' -and $_.status -eq 'issued' }
}
$old = foreach ($node in Get-SiteRow '/nodes/?state=registered&page_size=500') {
    foreach ($certificate in Get-ServiceCertificate $node) {
        if (([datetime]$certificate.not_before).ToUniversalTime() -lt $before) {
            @{ Id = $node.id; Name = $node.name; Certificate = $certificate.id }
        }
    }
}
foreach ($each in $old) {
    # This key makes the script safe to repeat: a certificate is renewed once.
    $null = Invoke-Site POST "/nodes/$($each.Id)/renew/" -Key "renew-$($each.Certificate)"
}
foreach ($each in $old) {
    $null = Wait-Site $each.Name { $each.Certificate -notin (Get-ServiceCertificate (Invoke-Site GET "/nodes/$($each.Id)/")).id }
    "renewed $($each.Name)"
}
