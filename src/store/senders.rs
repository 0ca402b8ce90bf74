//! Whose a sender address is, over the tables of any store.
//!
//! The first of these that knows the address decides: an account, an alias, the same two without the
//! `+tag`; then the same in the domain that its domain is an alias of; then whoever has the whole domain.

use std::sync::Arc;

use super::{StoreError, Tables};
use crate::gate::alias::Place;
use crate::gate::delegation::Right;
use crate::gate::identity::Whose;
use crate::gate::name::AccountName;
use crate::gate::sender::Standing;

/// Domains that are aliases of one another, one behind the other, that are followed.
const DOMAIN_HOPS_MAX: u32 = 8;

/// The accounts that own an address; several may share an alias.
///
/// # Errors
/// The store's own trouble.
pub fn owners(tables: &mut dyn Tables, address: &AccountName) -> Result<Vec<AccountName>, StoreError> {
    let owners = owners_by_name(tables, address)?;
    if !owners.is_empty() {
        return Ok(owners);
    }
    let of_domain = places_of_domain(tables, address)?;
    let whole = |of| if let Place::Address(account) = of { Some(account) } else { None };
    Ok(of_domain.into_iter().filter_map(whole).collect())
}

/// The accounts that have this very address; nobody for an address that somebody has with all of its domain.
fn owners_by_name(tables: &mut dyn Tables, address: &AccountName) -> Result<Vec<AccountName>, StoreError> {
    let owners = owners_in_domain(tables, address)?;
    if !owners.is_empty() {
        return Ok(owners);
    }
    let mut found = Vec::new();
    for of in places_of_domain(tables, address)? {
        if let Place::Domain(domain) = of
            && let Some(there) = address.at_domain(&domain)
        {
            found.extend(owners_in_domain(tables, &there)?);
        }
    }
    Ok(found)
}

/// What the domain of an address is an alias of.
fn places_of_domain(tables: &mut dyn Tables, address: &AccountName) -> Result<Vec<Place>, StoreError> {
    let of = tables.alias_of(&Place::Domain(address.parts().1.to_owned()).to_string())?;
    Ok(of.iter().map(|of| Place::stored(of)).collect())
}

fn owners_in_domain(tables: &mut dyn Tables, address: &AccountName) -> Result<Vec<AccountName>, StoreError> {
    for form in [Some(address.clone()), address.untagged()].into_iter().flatten() {
        if tables.is_account(&form)? {
            return Ok(vec![form]);
        }
        let of = tables.alias_of(form.as_str())?;
        if !of.is_empty() {
            return Ok(of.iter().map(|of| AccountName::stored(of)).collect());
        }
    }
    Ok(Vec::new())
}

/// Whose login a name is: an account's, by whichever of its names. Whoever has a whole domain receives what nobody else
/// there does, and may send under any address of it; but others who live there, known to the upstream alone, stay
/// themselves.
///
/// # Errors
/// The store's own trouble.
pub fn whose(tables: &mut dyn Tables, name: &AccountName) -> Result<Whose, StoreError> {
    resolve(tables, name, DOMAIN_HOPS_MAX)
}

fn resolve(tables: &mut dyn Tables, name: &AccountName, hops: u32) -> Result<Whose, StoreError> {
    if let Some(account) = tables.account(name)? {
        return Ok(Whose::Account(Arc::new(account)));
    }
    match owners_by_name(tables, name)?.as_slice() {
        [] => {
            let first = in_first_domain(tables, name)?;
            // A domain may be an alias of one that is an alias itself.
            if first == *name || hops == 0 {
                Ok(Whose::Unknown(first))
            } else {
                resolve(tables, &first, hops - 1)
            }
        }
        [owner] => Ok(match tables.account(owner)? {
            Some(account) => Whose::Account(Arc::new(account)),
            // An alias of somebody whom only the upstream knows.
            None => Whose::Unknown(owner.clone()),
        }),
        _ => Ok(Whose::Shared(name.clone())),
    }
}

/// The same name in the domain that its domain is an alias of.
fn in_first_domain(tables: &mut dyn Tables, name: &AccountName) -> Result<AccountName, StoreError> {
    let aliased = tables.alias_of(&Place::Domain(name.parts().1.to_owned()).to_string())?;
    let first = aliased.iter().find_map(|of| match Place::parse(of, None) {
        Ok(Place::Domain(domain)) => name.at_domain(&domain),
        _ => None,
    });
    Ok(first.unwrap_or_else(|| name.clone()))
}

/// How a login stands to an address. A login that is no account of ours owns its own address and the
/// `+tag` forms of it.
///
/// # Errors
/// The store's own trouble.
pub fn standing(
    tables: &mut dyn Tables,
    login: &AccountName,
    address: &AccountName,
) -> Result<Standing, StoreError> {
    if address == login {
        return Ok(Standing::Own);
    }
    let owners = owners(tables, address)?;
    if owners.contains(login) {
        return Ok(Standing::Own);
    }
    if owners.is_empty() {
        let own = address.untagged().as_ref() == Some(login);
        return Ok(if own { Standing::Own } else { Standing::Nobodys });
    }
    let mut best: Option<Right> = None;
    for owner in &owners {
        best = best.max(tables.right(owner, login)?);
    }
    Ok(best.map_or(Standing::Foreign, Standing::Granted))
}

/// Every login that may send under an address: its owners, and whom they let send.
///
/// # Errors
/// The store's own trouble.
pub fn logins(tables: &mut dyn Tables, address: &AccountName) -> Result<Vec<String>, StoreError> {
    let mut logins = Vec::new();
    for owner in owners(tables, address)? {
        let granted = tables.delegations(Some(&owner))?;
        let granted = granted.into_iter().filter(|one| one.owner == owner.as_str() && one.right.sends());
        logins.push(owner.to_string());
        logins.extend(granted.map(|one| one.delegate));
    }
    Ok(logins)
}
