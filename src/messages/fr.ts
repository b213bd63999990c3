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
  'ways.openForm': 'Ouvrir le formulaire',

  'wayf.title': 'De quel établissement venez-vous ?',
  'wayf.for': 'Vous vous connectez auprès de {service}, puis vous revenez sur {site}.',
  'wayf.institution': 'Votre établissement',
  'wayf.search': 'Rechercher',
  'wayf.count': '{count, plural, =0 {Aucun établissement trouvé} one {# établissement} other {# établissements}}',
  'wayf.first': 'Les {count, plural, one {# premier établissement} other {# premiers établissements}}',
  'wayf.narrow': 'Saisissez une plus grande partie du nom pour affiner la recherche.',
  'wayf.nothing': 'Aucun établissement ne correspond à ce nom.',
  'wayf.similar': 'Aucun établissement ne porte ce nom. Ceux-ci portent un nom semblable :',
  'wayf.byNetwork':
    'Pour un établissement sans lien, personne ne se connecte ici. Si le vôtre donne accès par son réseau, rejoignez ce réseau et ouvrez la page à nouveau.',
  'wayf.without': 'Se connecter sans établissement',
  'wayf.last': 'Vous vous êtes connecté avec :',
  'wayf.forget': 'Oublier ce choix',
  'wayf.expired': 'Cette page a expiré. Retournez au site d’où vous venez.',
  'wayf.absent': 'Cet établissement n’est pas disponible. Revenez en arrière et choisissez-en un autre.',

  'signIn.title': 'Se connecter',
  'signIn.titleFor': 'Se connecter : {name}',
  'signIn.titleAgain': 'Se connecter : réessayez',
  'signIn.with': 'Avec un compte de {name}.',
  'signIn.choose': 'Choisir un établissement',
  'signIn.chooseAnother': 'Choisir un autre établissement',
  'signIn.remember': 'Mémoriser cet établissement dans ce navigateur',
  'signIn.button': 'Se connecter',
  'signIn.forgot': 'Mot de passe oublié ?',
  'signIn.wrong': 'Adresse e-mail ou mot de passe incorrect.',
  'signIn.otherInstitution': 'Ce compte n’appartient pas à {name}.',
  'signIn.unverified': 'Confirmez d’abord votre adresse e-mail. Ouvrez le lien qui vous y a été envoyé.',
  'signIn.passwordExpired': 'Ce mot de passe provisoire a expiré. Demandez un lien pour en choisir un nouveau.',
  'signIn.otherSite': 'Ce formulaire a été envoyé depuis un autre site. Ouvrez-le ici et remplissez-le de nouveau.',

  'root.text':
    'C’est ici que {service} connecte les personnes et que les programmes s’adressent au service. Si un lien vous a mené ici, revenez au site d’où il venait.',
  'root.docs': 'Documentation de l’API',
  'root.ready': 'Disponibilité du service',

  'link.needsScript': 'Cette page a besoin de JavaScript pour lire le lien de votre e-mail.',
  'link.incomplete': 'Ce lien est incomplet. Ouvrez de nouveau le lien dans l’e-mail.',
  'link.used': 'Ce lien a déjà été utilisé ou a expiré.',
  'link.perhapsDone':
    'Ce lien a déjà été utilisé ou a expiré. Votre envoi précédent est resté sans réponse, mais il a peut-être abouti : vérifiez-le d’abord.',
  'link.unreachable': 'Le serveur est injoignable. Réessayez plus tard.',
  'link.taken': 'Il existe déjà un compte avec cette adresse e-mail.',
  'link.invited':
    'Il existe une invitation pour cette adresse e-mail. Nous l’avons renvoyée : ouvrez-la pour choisir un mot de passe.',
  'link.signUpClosed': 'Les inscriptions sont fermées. Demandez un compte à un administrateur.',

  'ask.reset.title': 'Mot de passe oublié ?',
  'ask.reset': 'Saisissez votre adresse e-mail : nous vous enverrons un lien pour choisir un nouveau mot de passe.',
  'ask.invitation.title': 'Recevoir une nouvelle invitation',
  'ask.invitation':
    'Saisissez l’adresse e-mail à laquelle vous avez été invité : nous vous enverrons un lien pour choisir un mot de passe.',
  'ask.verification.title': 'Recevoir un nouveau lien pour confirmer votre adresse e-mail',
  'ask.verification': 'Saisissez l’adresse e-mail à confirmer : nous vous enverrons un lien.',
  'ask.button': 'Envoyer le lien',
  'ask.badEmail': 'Saisissez une adresse e-mail, par exemple jane@example.org.',
  'ask.sent.title': 'Consultez votre boîte de réception',
  'ask.sent':
    'Si nous connaissons l’adresse e-mail que vous avez saisie, un lien vient d’y être envoyé. Il peut être utilisé une fois, dans un délai de {lifetime}.',
  'ask.sent.claim':
    'Si nous connaissons l’adresse e-mail que vous avez saisie, un lien vient d’y être envoyé. Il peut être utilisé une fois, dans le délai indiqué dans l’e-mail.',
  'ask.sent.hint':
    'Rien après quelques minutes ? Regardez dans les indésirables et vérifiez que vous avez bien saisi votre adresse. Nous envoyons au plus un lien par minute.',
  'ask.sent.other': 'Utiliser une autre adresse',

  'password.tooShort':
    'Le mot de passe doit comporter au moins {count, plural, one {# caractère} other {# caractères}}.',
  'password.tooLong': 'Le mot de passe doit comporter au plus {count, plural, one {# caractère} other {# caractères}}.',
  'password.control':
    'Le mot de passe ne doit pas contenir de caractères de contrôle, comme des tabulations ou des sauts de ligne.',
  'password.tooCommon':
    'Ce mot de passe est l’un des plus courants, que l’on devine en premier ; choisissez-en un autre, par exemple quelques mots sans rapport entre eux.',
  'password.tooClose':
    'Ce mot de passe n’est guère plus que votre adresse, votre nom ou le nom de ce service ; choisissez-en un autre, par exemple quelques mots sans rapport entre eux.',
  'password.stillInitial': 'Le mot de passe ne doit pas être celui que vous avez reçu.',
  'password.refused': 'Ce mot de passe ne peut pas être utilisé. Choisissez-en un autre.',
  'password.notTheOne': 'Ce n’est pas le mot de passe avec lequel vous vous êtes inscrit.',

  'invitation.title': 'Bienvenue : choisissez un mot de passe',

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
  'error.internal.request': 'Référence de la requête : {id}',
  'error.notFound.title': 'Cette page est introuvable',
  'error.notFound': 'Vérifiez l’adresse, ou retournez au site d’où vous venez.',
  'error.rateLimited.title': 'Un instant, s’il vous plaît',
  'error.rateLimited': 'Trop de tentatives. Réessayez dans {wait}.',
  'error.tooMany': 'Trop de tentatives. Réessayez plus tard.',
  'error.locked':
    'Trop d’échecs de connexion. Connectez-vous d’un endroit où vous l’avez déjà fait, ou réinitialisez votre mot de passe.',
  'error.unavailable.title': 'Nous revenons tout de suite',
  'error.unavailable': 'Le service est momentanément indisponible. Réessayez plus tard.',

  'mail.help': 'Aide : {address}',
  'mail.when': 'Quand : {time}',
  'mail.from': 'Depuis : {origin}',
  'mail.reset.subject': 'Choisissez un nouveau mot de passe pour {service}',
  'mail.reset.text': 'Nous avons reçu une demande de réinitialisation du mot de passe de {email} sur {service}.',
  'mail.reset.link': 'Ouvrez ce lien dans un délai de {lifetime} pour choisir un nouveau mot de passe :',
  'mail.reset.button': 'Choisir un nouveau mot de passe',
  'mail.reset.ignore':
    'Si vous n’avez rien demandé, vous pouvez ignorer ce message. Votre mot de passe n’a pas changé.',
  'mail.invitation.subject': 'Vous êtes invité à rejoindre {service}',
  'mail.invitation.text': 'Un compte a été créé pour {email} sur {service}.',
  'mail.invitation.by': 'Invitation envoyée par : {name}',
  'mail.invitation.link': 'Ouvrez ce lien dans un délai de {lifetime} pour choisir un mot de passe :',
  'mail.invitation.button': 'Choisir un mot de passe',
  'mail.invitation.ignore':
    'Si vous n’attendiez pas d’invitation, vous pouvez ignorer ce message. Sans mot de passe, personne ne peut se connecter.',
  'mail.verify.subject': 'Confirmez votre adresse e-mail pour {service}',
  'mail.verify.text': 'Un compte sur {service} a été créé avec l’adresse {email}, ou cette adresse lui a été associée.',
  'mail.verify.link': 'Si c’était vous, ouvrez ce lien dans un délai de {lifetime} pour confirmer votre adresse :',
  'mail.verify.button': 'Confirmer l’adresse',
  'mail.verify.ignore': 'Si ce n’était pas vous, vous pouvez ignorer ce message.',
  'mail.signUp.text': 'Quelqu’un crée un compte sur {service} avec l’adresse {email}.',
  'mail.signUp.link':
    'Si c’est vous, ouvrez ce lien dans un délai de {lifetime} et saisissez le mot de passe choisi à l’inscription :',
  'mail.signUp.ignore':
    'Si ce n’est pas vous, vous pouvez ignorer ce message. Aucun compte n’est créé sans le lien et le mot de passe.',
  'mail.change.subject': 'Confirmez votre nouvelle adresse e-mail pour {service}',
  'mail.change.text': 'L’adresse e-mail d’un compte sur {service} doit être remplacée par {email}.',
  'mail.change.link':
    'Si c’est vous, ouvrez ce lien dans un délai de {lifetime} et saisissez le mot de passe de votre compte :',
  'mail.change.button': 'Confirmer l’adresse',
  'mail.change.ignore':
    'Si ce n’est pas vous, vous pouvez ignorer ce message. Rien ne change sans le lien et le mot de passe.',
  'mail.taken.subject': 'Vous avez déjà un compte sur {service}',
  'mail.taken.text':
    'Quelqu’un a demandé un compte sur {service} avec l’adresse {email}, à laquelle un compte est déjà associé.',
  'mail.taken.signIn':
    'Si c’était vous, connectez-vous à ce compte. Si vous avez oublié le mot de passe, demandez-en un nouveau ici :',
  'mail.taken.ignore': 'Si ce n’était pas vous, vous pouvez ignorer ce message. Rien n’a changé.',
  'mail.moved.subject': 'L’adresse e-mail de votre compte sur {service} a changé',
  'mail.moved.text':
    'L’adresse e-mail de votre compte sur {service} n’est plus {email}, mais une autre. Si c’était vous, vous n’avez rien à faire.',
  'mail.moved.link':
    'Si ce n’était pas vous, ouvrez ce lien dans un délai de {lifetime} pour rétablir votre adresse, fermer toutes les sessions et choisir un nouveau mot de passe :',
  'mail.moved.button': 'Annuler le changement',
  'mail.moved.gone':
    'L’adresse e-mail d’un compte sur {service} n’est plus {email}, mais une autre. Si vous ne vous y attendiez pas, contactez l’exploitant de {service}.',
  'mail.password.changed': 'Votre mot de passe pour {service} a été changé',
  'mail.password.removed': 'Votre mot de passe pour {service} a été supprimé',
  'mail.password.way.session':
    'Le mot de passe de votre compte sur {service} a été changé par une personne qui y était connectée.',
  'mail.password.way.moved':
    'L’adresse e-mail et le mot de passe de votre compte sur {service} ont été changés par une personne qui y était connectée.',
  'mail.password.way.link':
    'Le mot de passe de votre compte sur {service} a été défini avec un lien envoyé à cette adresse.',
  'mail.password.way.admin':
    'Un administrateur a supprimé le mot de passe de votre compte sur {service}. Toutes les sessions ont été fermées.',
  'mail.password.way.undo':
    'Le changement d’adresse e-mail de votre compte sur {service} a été annulé avec un lien envoyé à cette adresse. Le mot de passe a été supprimé, car quelqu’un d’autre peut le connaître, et toutes les sessions ont été fermées.',
  'mail.password.mine': 'Si c’était vous, vous n’avez rien à faire.',
  'mail.password.notMine':
    'Si ce n’était pas vous, choisissez un nouveau mot de passe : là où vous vous connectez, demandez un lien de réinitialisation. Toutes les autres sessions seront fermées. Contactez ensuite l’exploitant de {service}, et changez le mot de passe de votre messagerie si quelqu’un d’autre a pu la lire.',
  'mail.password.notMineMoved':
    'Si ce n’était pas vous, ouvrez le lien de notre message sur le changement de votre adresse, s’il en a un. Toutes les autres sessions seront fermées. Contactez ensuite l’exploitant de {service}, et changez le mot de passe de votre messagerie si quelqu’un d’autre a pu la lire.',
  'mail.password.afterAdmin':
    'Pour vous reconnecter, choisissez un nouveau mot de passe. Demandez ici le lien pour le faire :',
  'mail.password.unexpected': 'Si vous ne vous y attendiez pas, contactez l’exploitant de {service}.',
  'mail.password.afterUndo':
    'Pour vous reconnecter, choisissez un nouveau mot de passe avec le lien que nous vous avons envoyé dans un autre message.',
  'mail.password.mailbox':
    'Si vous ne vous y attendiez pas, contactez l’exploitant de {service}, et changez le mot de passe de votre messagerie : quelqu’un d’autre a pu la lire.',
};
