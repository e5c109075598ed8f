"""From commit 1c0c2c0 on, migrations are only added."""

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).parent.parent.parent
FIRST = "1c0c2c03f019b8a4efb544cd246b0ca0db579cc4"
# The migrations that existing sites have applied. A change in one of them would not reach those sites.
LANDED = {
    "alerts/migrations/0001_initial.py": "19cd9ad7ae6d74f1f03af9c47d469a00d6fae1e2c0c6b06b1ab3e7894e763f36",
    "alerts/migrations/0002_undelivered.py": "49c100f9eb66ad8a039c55ea5230bd79869f8b24357370663247644c88f2bd9d",
    "alerts/migrations/0003_checkpoints.py": "6448a3c32d3a98c3997db78de70878ba87fef85a7f35710d64bbf67d9df0e25d",
    "audit/migrations/0001_initial.py": "52f16ded22d8934cb1dd63826a9d143b0b7da5cbbe6d99997ec6328fa78ea21b",
    "audit/migrations/0002_outcomes_marks_and_indexes.py": "3e82f0ad178967c9477609f3d8d7452c90511279cc573d611751b7d73a0b94d3",
    "audit/migrations/0003_reasons.py": "cf534199e6a0389c69438d1ad2732b8e21fc69e7b3bdc80d182354be90d8b1a4",
    "audit/migrations/0004_address_and_credential.py": "58f9c992a97731540fec27c55b84b67ede384872c06612d6c14888b8cc5ec662",
    "audit/migrations/0005_outcome_and_request_indexes.py": "5454dc6113472724930f347c63a9d54ab250e1423c091ec50812b65d22d38f3a",
    "audit/migrations/0006_checkpoints.py": "d953f7086346532627574d3d97028d485318475fb699954b9627f3601142b863",
    "audit/migrations/0007_segments.py": "a6abd8344462988bbd1794f37d87f5e693e51dc979f841f321e3a739536f69e7",
    "audit/migrations/0008_syslog_receivers.py": "a5615cefe2efd62dd94a17d8d75bdcadbed8240e9d5cd7c6efee5a46249ff54f",
    "bulk/migrations/0001_initial.py": "cd3bbb6130dd3f674939cbb0270c58c1333df10b7b696d76db348995447730ef",
    "backups/migrations/0001_initial.py": "9b906ea0cba32db2290d96ab8f6e950c2f18c3ceee0a61f99aad05fd4ad0655f",
    "certs/migrations/0001_initial.py": "7f85a77043ee35757b48dab94f2dc6799d6038220f8826f8c84301bff3c275e3",
    "certs/migrations/0002_central_key.py": "a8a46e334c4808998180cde25d6d6ad61439c845593d200ac14deae8bbf44fee",
    "certs/migrations/0003_where_the_center_is.py": "8192070463d7ea6e599f790aabc2bb64c0bcd3e3ab68b0cae7d1e2ec708dbcb7",
    "certs/migrations/0004_rotations_keep_the_root_for_exports.py": "329798952f4f78ec0b6774202b4c1af73fcd5a9586748b8f9ae1e2e9596315fb",
    "certs/migrations/0005_certificate_superseded_at.py": "264dc30c121efc307d5cb0769cb188be1abf99799b916d74f14820dd5bc81b1a",
    "certs/migrations/0006_names.py": "7445aca5e162f920b2c6635cfb40d914493e140254dccb0334f8595076a98b0d",
    "certs/migrations/0007_help_texts.py": "e41680c252297cfc73eeb89526b9dac25b3b3869fa9f70c08c604b02d13c74eb",
    "certs/migrations/0008_renew_at.py": "0f50605aaee5e92daa3451d689600b00ac9d7a5fa416362f9172338413faa79a",
    "certs/migrations/0009_kind_and_status.py": "5533e2b0fe6b2a5f888ca68059361a518bff86ea7c9741e5c4273d4c07370993",
    "certs/migrations/0010_indexes_of_lists.py": "187a1d60d2e63f32ea94fdc7c3c5bc2642b628382c8d1f32fa5971ffd0004fd7",
    "certs/migrations/0011_certificates_due.py": "6286c900a2a4947a289c63c27df534e37e516ce3c0d193932e9f1b4978134e02",
    "certs/migrations/0012_names_disputed.py": "47032782863e75deb6a2e972228ac24e1e9eb011aa7c79aef87b19bf58672db2",
    "certs/migrations/0013_sealed_private_keys.py": "586a7fb1ff3e24e10d0c7c7d6e54a7fb3cfc27eff47365247d8fe5c5e2ee3107",
    "certs/migrations/0014_board_counts.py": "1a62628d374bd1942bca0017460f892e5bdc4f681e0aec1a5fd1be6dd29eb2ff",
    "certs/migrations/0015_key_types.py": "86f9523a843e066244ec775717f6324fdd46357bd079f06408335cd36ccdb4b4",
    "certs/migrations/0016_certificates_made.py": "da9556197fd2ee2b850e149f388b9ba1b6bd0c09c0d5863fccf9f83be2e4f378",
    "certs/migrations/0017_call_limits.py": "a8f61813cac58a1ddc8e34d5c45ffcdfb5766be2d9f7d1acdca219275dabf729",
    "certs/migrations/0018_export_roles.py": "4c05f7ca36651d988d68d1cefac18af2ce989079150dc5eb613f39adfebdad10",
    "jobs/migrations/0001_initial.py": "5326b3dda01034999b0959a139afced6b5ad8a278baf1e423b6b49fd9f81d936",
    "jobs/migrations/0002_names_of_handlers.py": "af9d232785c6ed01dc901cad677804ad21efa11f8e4fb1dfb4cc44fa9e7bb633",
    "jobs/migrations/0003_finished_jobs.py": "81390f28ea33e9e5d7e71b5aca6797d992a832525a40925bbb54fc9f07d2e143",
    "jobs/migrations/0004_steps_and_shares.py": "8a66a018e8caf201a062ab74ea74ad804a858f0c889e04a34351e358459e1f4f",
    "jobs/migrations/0005_deliveries_not_kept.py": "be627047622ce7a7235393cf47a4e261a022d2f99d4687e53d25c664f4c81cf8",
    "nodes/migrations/0001_initial.py": "697ea155561b3ae5429cdf38ed663db3b913fc6f06ffff92e9ba98fa0c41b1cc",
    "nodes/migrations/0002_observation_agent.py": "86a333f31c36cee49d0aae34ff317571659003387d05bb45e8b6501dd468b558",
    "nodes/migrations/0003_repeated_requests.py": "003b3e9afbb873b03772b022c3254c5b9268eee1f61a5668eee6269cefdb9245",
    "nodes/migrations/0004_what_nodes_know_of_the_center.py": "be99d0433a144f8e7b07560f5d798030de52adb994bf556afbed4ff18ca74489",
    "nodes/migrations/0005_registration_paused_until.py": "d86ad4bd1cd8f73d43efa2c388c4307e4492385ddc13096b1faa1bd045a7600e",
    "nodes/migrations/0006_browser_certificate_root.py": "8edaa3346289f51ad6e9de046ef67acc2b17caee84774db0f85e159104cef017",
    "nodes/migrations/0007_node_setup_url.py": "587a06bcffec99a9b49da31a4d7d8ffbe9bc3fdc0e22d89a70046f487991859f",
    "nodes/migrations/0008_turns_and_caller_findings.py": "6ce06017fe8a169499e5d99882e5b8afa9b54048a651a9f26bac74449ed163dd",
    "nodes/migrations/0009_names_of_nodes_and_exports.py": "800b7973ec0e3bd5a53165b93a89e22a3f6857d694ab8f274698b5bef2f36945",
    "nodes/migrations/0010_help_texts.py": "3cd658e11a634fefd2d54403bb84c0671d52e4c2af09a643a6a2b07e770f5d06",
    "nodes/migrations/0011_what_needs_attention.py": "6738d5749fcac22b671117c32a28d8e417463c6bbfcda346ced34406a6dc0dc6",
    "nodes/migrations/0012_nudges.py": "357fe59f442aff57e7ef984887291cab82e399d612f06cc74ee58c63621f4294",
    "nodes/migrations/0013_passwords_to_wipe.py": "ab2e6db862e5d881a695369e849841806f87e8ad35863071f6dc0240022eb119",
    "nodes/migrations/0014_indexes_of_lists.py": "08dee8e771de6f81c13c9d6863b700942748d33a8cb81791b355a194a1b9ab7f",
    "nodes/migrations/0015_renewals_failed.py": "b543fe6425d307793ac32ed8103128b32a26934a762503f8706b3199a0f20d21",
    "nodes/migrations/0016_renewals_by_status.py": "b239a7319b827c412f00f5d2d7e6605bd3e2e9b23e8764b24e3fcee60090bbd7",
    "nodes/migrations/0017_nodes_by_state.py": "e38856fff7d746df973baed2d6b37ecd73108c67fe749e679bc96b5ecd801596",
    "nodes/migrations/0018_central_node.py": "2ea27de7422535fbf9defce8f231241b2044b116c530257b511102ae8fab8f26",
    "nodes/migrations/0019_reports_read_again.py": "bd770e09e6b0420d9c814b487e85a01ea91419266882c3b98341fb74f2975bc4",
    "nodes/migrations/0020_cluster_proofs.py": "5a9e49d84c2bc014a078a9ae19df951f59bb3560737502bf8fa72fb3d78012a8",
    "nodes/migrations/0021_tags_and_notes.py": "f65022cef25f921a560876065e09a57f21ba77849e3032b43bee4f49b4ff04e1",
    "nodes/migrations/0022_nodes_by_address.py": "891b64251855d9e1191a0d01b25b852a2aad725b9efe896ac8b2bee297339607",
    "nodes/migrations/0023_renewals_by_age.py": "37016675ff8ecdb3a70c10f8ec12c36f381617d2bbb017352e5d1d5a50ef2202",
    "people/migrations/0001_tokens_move_here.py": "5c39c8e03a5a7f21f61815464fb29cb66ac3825ab718aab77788f6cdb5c0f4c6",
    "people/migrations/0002_help_texts.py": "ae8c2a97e0a582bac63c1b94523c14fd7539fbd648a216c67118ea1eea45d16e",
    "people/migrations/0003_people_roles_and_tokens.py": "ebc2ce55456564f01ad34805320028eb9977ea489742abdfad09ebbd9c4ae557",
    "people/migrations/0004_second_factors.py": "1581a8ce9648d5ad0953467e07e45d673f1cfc4fac643c2fd39b42df5e4959df",
    "people/migrations/0005_appearance.py": "24f02e1c18572518ed0670f0806cc468abd70044d5412a8e66bfc92ccce4a821",
    "people/migrations/0006_provider.py": "8bedb62acb5b182d6da787dc3d21cb07d9e444fe1e2e43e0279c3cdef95a9e25",
    "people/migrations/0007_role_rules_with_uuid.py": "0d8b23b0d0c2e4afda638b215da8f3e65ce730baa84d3f1a313f2006cf7ebb0e",
    "people/migrations/0008_local_for_root_admins.py": "c0976c51a068c7f01231e70f5e296f2810223bc8b7c9631460676c557df2b6da",
    "people/migrations/0009_list_views.py": "d3c5b8e38e6cc375c61acb397d267d1cea0dc6183eff88cdc17ac6ad8af11693",
    "qmc/migrations/0001_initial.py": "9c58f0fe4603635953a72c2716b8f239a84588afa3a0399b5103f15f699af948",
    "qmc/migrations/0002_tokens_move_to_people.py": "9ad4d0932aa2e4816534cd5d00486ae7436d7cdf6bd6a85f4650693ff2dcdd0b",
    "web/migrations/0001_keyed_requests.py": "eff8677019faf04ff724eb06687e042bcf3ebb9a1563638bfe76e8fdbc8295a3",
}


def migration_files() -> list[Path]:
    return sorted(path for path in ROOT.glob("*/migrations/*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("name", LANDED)
def test_a_migration_that_has_landed_is_never_changed(name: str) -> None:
    assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == LANDED[name], f"{name} was changed: add another migration instead"


def test_every_migration_is_listed() -> None:
    digests = {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in migration_files()}
    new = [f'"{name}": "{digest}",' for name, digest in digests.items() if name not in LANDED]
    assert not new, "add to LANDED in this file, so that nobody changes them later:\n" + "\n".join(new)


def test_migrations_of_an_app_are_one_line() -> None:
    """Each migration depends on the previous one, none replaces others, and numbers increase by one."""
    loader = MigrationLoader(None, replace_migrations=False)
    assert loader.detect_conflicts() == {}
    for app in {path.parent.parent.name for path in migration_files()}:
        names = sorted(name for label, name in loader.disk_migrations if label == app)
        assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1)), app
        for before, name in pairwise(names):
            migration = loader.disk_migrations[app, name]
            assert ((app, before) in migration.dependencies, migration.replaces, migration.initial) == (True, [], None), (app, name)
