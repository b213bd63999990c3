import type { Catalogue } from './catalogue.js';

/** French. */
export const fr: Catalogue = {
  'duration.days': '{count, plural, one {# jour} other {# jours}}',
  'duration.hours': '{count, plural, one {# heure} other {# heures}}',
  'duration.minutes': '{count, plural, one {# minute} other {# minutes}}',
  'duration.seconds': '{count, plural, one {# seconde} other {# secondes}}',

  'page.languages': 'Langue',
  'page.support': 'Aide',
  'page.email': 'Adresse e-mail',
  'page.password': 'Mot de passe',
  'page.showPassword': 'Afficher le mot de passe',

  'ways.goOn': 'Continuer',
  'ways.signIn': 'Se connecter',
  'ways.back': 'Retour à la connexion',
  'ways.newLink': 'Recevoir un nouveau lien',

  'wayf.title': 'De quel établissement venez-vous ?',
  'wayf.for': 'Vous vous connectez auprès de {service}, puis vous revenez à {site}.',
  'wayf.institution': 'Votre établissement',
  'wayf.search': 'Rechercher',
  'wayf.count': '{count, plural, =0 {Aucun établissement trouvé} one {# établissement} other {# établissements}}',
  'wayf.first': 'Les {count, plural, one {# premier établissement} other {# premiers établissements}}',
  'wayf.narrow': 'Saisissez davantage du nom pour affiner la recherche.',
  'wayf.nothing': 'Aucun établissement ne correspond à ce nom.',
  'wayf.similar': 'Aucun établissement ne porte ce nom. Ceux-ci portent un nom semblable :',
  'wayf.byNetwork':
    'Pour un établissement sans lien, personne ne se connecte ici. Si le vôtre donne accès par son réseau, rejoignez ce réseau et ouvrez la page à nouveau.',
  'wayf.without': 'Se connecter sans établissement',
  'wayf.expired': 'Cette page a expiré. Retournez au site d’où vous venez.',
  'wayf.absent': 'Cet établissement n’est pas disponible. Revenez en arrière et choisissez-en un autre.',

  'signIn.title': 'Se connecter',
  'signIn.titleFor': 'Se connecter : {name}',
  'signIn.titleAgain': 'Se connecter : réessayez',
  'signIn.with': 'Avec un compte de {name}.',
  'signIn.choose': 'Choisir un établissement',
  'signIn.chooseAnother': 'Choisir un autre établissement',
  'signIn.button': 'Se connecter',
  'signIn.forgot': 'Mot de passe oublié ?',
  'signIn.wrong': 'Adresse e-mail ou mot de passe incorrect.',
  'signIn.otherInstitution': 'Ce compte n’appartient pas à {name}.',
  'signIn.unverified': 'Confirmez d’abord votre adresse e-mail. Ouvrez le lien qui vous y a été envoyé.',
  'signIn.passwordExpired': 'Ce mot de passe provisoire a expiré. Demandez un lien pour en choisir un nouveau.',
  'signIn.otherSite': 'Ce formulaire a été envoyé depuis un autre site. Rechargez la page et réessayez.',

  'link.needsScript': 'Cette page a besoin de JavaScript pour lire le lien de votre e-mail.',
  'link.incomplete': 'Ce lien est incomplet. Ouvrez de nouveau le lien dans l’e-mail.',
  'link.used': 'Ce lien a déjà été utilisé ou a expiré.',
  'link.unreachable': 'Le serveur est injoignable. Réessayez plus tard.',

  'ask.reset.title': 'Mot de passe oublié ?',
  'ask.reset': 'Saisissez votre adresse e-mail : nous vous enverrons un lien pour choisir un nouveau mot de passe.',
  'ask.invitation.title': 'Recevoir une nouvelle invitation',
  'ask.invitation':
    'Saisissez l’adresse e-mail à laquelle vous avez été invité : nous vous enverrons un lien pour choisir un mot de passe.',
  'ask.verification.title': 'Recevoir un nouveau lien pour confirmer votre adresse e-mail',
  'ask.verification': 'Saisissez l’adresse e-mail à confirmer : nous vous enverrons un lien.',
  'ask.button': 'Envoyer le lien',
  'ask.badEmail': 'Saisissez une adresse e-mail, par exemple jane@example.org.',
  'ask.sent.title': 'Consultez votre boîte de réception',
  'ask.sent':
    'Si nous connaissons {email}, un lien y est en route. Il peut être utilisé une fois, dans un délai de {lifetime}.',
  'ask.sent.hint':
    'Rien après quelques minutes ? Regardez dans les indésirables et vérifiez que vous avez bien saisi votre adresse. Nous envoyons au plus un lien par minute.',
  'ask.sent.other': 'Utiliser une autre adresse',

  'password.tooShort':
    'Le mot de passe doit comporter au moins {count, plural, one {# caractère} other {# caractères}}.',
  'password.tooLong': 'Le mot de passe doit comporter au plus {count, plural, one {# caractère} other {# caractères}}.',
  'password.control':
    'Le mot de passe ne doit pas contenir de caractères de contrôle, comme des tabulations ou des sauts de ligne.',
  'password.tooCommon':
    'Ce mot de passe est l’un des plus courants, que l’on devine en premier ; choisissez-en un autre, par exemple quelques mots sans rapport entre eux.',
  'password.tooClose':
    'Ce mot de passe n’est guère plus que votre adresse, votre nom ou le nom de ce service ; choisissez-en un autre, par exemple quelques mots sans rapport entre eux.',
  'password.stillInitial': 'Le mot de passe ne doit pas être celui que vous avez reçu.',
  'password.notTheOne': 'Ce n’est pas le mot de passe avec lequel vous vous êtes inscrit.',

  'invitation.title': 'Bienvenue : choisissez un mot de passe',

  'reset.title': 'Choisissez un nouveau mot de passe',
  'reset.password': 'Nouveau mot de passe',
  'reset.hint': 'Au moins {count, plural, one {# caractère} other {# caractères}}.',
  'reset.button': 'Enregistrer',
  'reset.done': 'Votre mot de passe a été modifié. Vous pouvez maintenant vous connecter.',
  'reset.used': 'Ce lien a déjà été utilisé ou a expiré. Demandez-en un nouveau.',

  'verify.title': 'Confirmez votre adresse e-mail',
  'verify.hint':
    'Saisissez le mot de passe avec lequel vous vous êtes inscrit, ou celui de votre compte, pour confirmer que cette adresse est la vôtre.',
  'verify.button': 'Confirmer l’adresse',
  'verify.done': 'Votre adresse e-mail est confirmée. Vous pouvez maintenant vous connecter.',

  'undo.title': 'Annuler le changement d’adresse e-mail',
  'undo.hint':
    'Votre adresse précédente est rétablie, toutes les sessions de votre compte sont fermées et son mot de passe est supprimé. Vous recevrez un e-mail pour en choisir un nouveau.',
  'undo.button': 'Annuler le changement',
  'undo.done':
    'Votre adresse est rétablie et toutes les sessions sont fermées. Vous recevrez un e-mail pour choisir un nouveau mot de passe.',

  'error.badRequest.title': 'Cela n’a pas fonctionné',
  'error.badRequest': 'La demande n’a pas pu être comprise. Revenez en arrière et réessayez.',
  'error.expired.title': 'Cette page a expiré',
  'error.forbidden.title': 'Ce n’est pas autorisé ici',
  'error.forbidden': 'Vous n’avez pas le droit de faire cela.',
  'error.internal.title': 'Une erreur est survenue',
  'error.internal': 'Une erreur interne est survenue. Ce n’est pas de votre faute. Réessayez plus tard.',
  'error.internal.request': 'Demande {id}',
  'error.notFound.title': 'Cette page est introuvable',
  'error.notFound': 'Vérifiez l’adresse, ou retournez au site d’où vous venez.',
  'error.rateLimited.title': 'Un instant, s’il vous plaît',
  'error.rateLimited': 'Trop de tentatives. Réessayez dans {wait}.',
  'error.tooMany': 'Trop de tentatives. Réessayez plus tard.',
  'error.locked':
    'Trop d’échecs de connexion. Connectez-vous d’un endroit où vous l’avez déjà fait, ou réinitialisez votre mot de passe.',
  'error.unavailable.title': 'Nous revenons tout de suite',
  'error.unavailable': 'Le service est momentanément indisponible. Réessayez plus tard.',
};
