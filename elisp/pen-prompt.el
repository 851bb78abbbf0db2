;;; pen-prompt.el --- Prompt definitions as Emacs sees them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A prompt definition is a YAML file; the service reads it.  Emacs only needs
;; the names of the definitions, of their variables, and what to ask for.  A
;; definition here is the plist that the method `prompts-list' returns, asked
;; for afresh each time, so that an edited file counts at once.  What was heard
;; last is kept in a file, so that commands are there before the service runs;
;; until anything was heard, those of the definitions that come with pen are.
;; The definitions of a project are known apart, while Emacs runs: they have no
;; commands, because a command is there wherever one is.

;;; Code:

(require 'cl-lib)
(require 'seq)
(eval-when-compile (require 'subr-x))
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-figure)
(require 'pen-project)

;;;; Customization

(defcustom pen-pun-prompt "pun-complete"
  "Name of the prompt definition that continues puns, or its file.
`pen-pun-complete' and `pen-finetune-region' use it."
  :type 'string
  :risky t
  :group 'pen)

(defcustom pen-prompts-directory nil
  "Directory of your own prompt definitions.
With nil they are in ~/.config/pen/prompts.  A change counts when the
service is started the next time."
  :type '(choice (const :tag "The usual one" nil) directory)
  :risky t
  :group 'pen)

;;;; Internal variables

(defvar pen-prompt--known 'unread
  "The definitions heard of last, or `unread' before anything was.
They are one's own and those that come with pen.")

(defvar pen-prompt--of-projects (make-hash-table :test #'equal)
  "A project → all definitions that can be found from it, as heard of last.")

(defconst pen-prompt--format 1
  "Number of the form in which definitions are kept in a file.")

;;;; Declarations

(defvar pen-prompts-definitions)
(declare-function pen-command-learn "pen-command" (catalogue))

;;;; Functions: asking the service

(cl-defun pen-prompt-list (&key then else project)
  "Call THEN with the definitions that there are, or ELSE with an error, later.
PROJECT is where they are found from, as `pen-project' says it.
Commands of definitions that are new are made when Emacs has a moment."
  (let ((place (pen-project-or-none project)))
    (pen-rpc-prompts-list
     :project place
     :then (lambda (definitions)
             (when (stringp place)
               (puthash place definitions pen-prompt--of-projects))
             (when (pen-prompt--news-p definitions)
               (run-with-idle-timer 0.5 nil #'pen-prompt--hear definitions))
             (funcall then definitions))
     :else else)))

(defun pen-prompt-of-project-p (definition)
  "Return non-nil if DEFINITION is that of a project."
  (eq 'project (plist-get definition :origin)))

(defun pen-prompt--news-p (definitions)
  "Return non-nil if some of DEFINITIONS, but those of a project, are not known.
Nobody knows of those whose names the project has taken."
  (let ((taken (mapcar (lambda (each) (plist-get each :slug))
                       (seq-filter #'pen-prompt-of-project-p definitions))))
    (not (equal (seq-remove #'pen-prompt-of-project-p definitions)
                (seq-remove (lambda (each) (member (plist-get each :slug) taken))
                            (pen-prompt-known))))))

(defun pen-prompt--hear (definitions)
  "Make commands of DEFINITIONS, unless that was done meanwhile.
If some are those of a project, ask for those that are not."
  (when (pen-prompt--news-p definitions)
    (if (seq-some #'pen-prompt-of-project-p definitions)
        (pen-rpc-prompts-list :project :null :then #'pen-prompt--hear :else #'ignore)
      (require 'pen-command)
      (pen-command-learn (list :definitions definitions)))))

(defun pen-prompt-definition (name &optional project)
  "Return the definition called NAME, or in the file NAME; wait for it.
PROJECT is as in `pen-prompt-list'."
  (or (pen-prompt-find name (pen-rpc-prompts-list :project project))
      (let* ((detail (pen-rpc-prompts-show :prompt name :project project))
             (err (pen-prompt-refusal detail)))
        (when err
          (signal (car err) (cdr err)))
        (plist-get detail :summary))))

(defun pen-prompt-lookup (name &optional project)
  "Return the definition called NAME as heard of last, or else wait for it.
PROJECT is as in `pen-prompt-list'."
  (or (pen-prompt-find name (pen-prompt-heard project))
      (pen-prompt-definition name project)))

(defun pen-prompt-with (name then else &optional project)
  "Call THEN with the definition called NAME, or ELSE with an error, later.
PROJECT is as in `pen-prompt-list'."
  (pen-prompt-list
   :project project
   :then (lambda (definitions)
           (if-let ((definition (pen-prompt-find name definitions)))
               (funcall then definition)
             ;; The service knows why: the file may be absent, or there and broken.
             (pen-rpc-prompts-show
              :prompt name
              :project project
              :then (lambda (detail)
                      (if-let ((err (pen-prompt-refusal detail)))
                          (funcall else err)
                        (funcall then (plist-get detail :summary))))
              :else else)))
   :else else))

(defun pen-prompt-refusal (detail)
  "Return the error to signal if DETAIL is that of a training set, else nil."
  (let ((summary (plist-get detail :summary)))
    (when (equal "dataset" (plist-get summary :kind))
      (pen-rpc-error
       (list :kind 'prompt
             :message (format "%s is a training set, not a prompt; its prompt is %s"
                              (plist-get summary :slug)
                              (plist-get (plist-get detail :training) :prompt)))))))

(defun pen-prompt-absolute (name)
  "Return NAME of a definition, made absolute if it is that of a file.
The service stands elsewhere."
  (if (string-match-p "/\\|\\.ya?ml\\'" name) (expand-file-name name) name))

(defun pen-prompt-find (name definitions)
  "Return the one of DEFINITIONS that is called NAME, or nil."
  (or (seq-find (lambda (each) (equal name (plist-get each :slug))) definitions)
      (seq-find (lambda (each) (member name (plist-get each :aliases))) definitions)))

;;;; Functions: what was heard last

(defun pen-prompt-file ()
  "Return the name of the file of the definitions heard of last."
  (expand-file-name "pen/prompt-functions.eld" user-emacs-directory))

(defun pen-prompt-known ()
  "Return the definitions heard of last, without asking.
If none ever were, they are those that come with pen."
  (when (eq pen-prompt--known 'unread)
    (setq pen-prompt--known (or (pen-prompt--read)
                                (and (require 'pen-prompts) pen-prompts-definitions))))
  pen-prompt--known)

(defun pen-prompt-heard (&optional project)
  "Return the definitions heard of last that are found from PROJECT.
It is as in `pen-prompt-list'; nil if nothing was heard of one."
  (let ((place (pen-project-or-none project)))
    (if (stringp place)
        (gethash place pen-prompt--of-projects)
      (pen-prompt-known))))

(defun pen-prompt-learn (definitions commands)
  "Remember DEFINITIONS and COMMANDS, made of them, here and in a file.
COMMANDS are pairs of a name and the first line of its documentation."
  (unless (and (equal definitions (pen-prompt-known))
               (file-exists-p (pen-prompt-file)))
    (setq pen-prompt--known definitions)
    (pen-prompt--write definitions commands)))

(defun pen-prompt--read ()
  "Return the definitions in the file; nil if there is none that can be read."
  (ignore-errors
    (with-temp-buffer
      (let ((coding-system-for-read 'utf-8-emacs-unix))
        (insert-file-contents (pen-prompt-file)))
      (when (eql pen-prompt--format (car (read (current-buffer))))
        (seq-filter (lambda (each) (stringp (plist-get each :slug)))
                    (read (current-buffer)))))))

(defun pen-prompt--write (definitions commands)
  "Write DEFINITIONS and COMMANDS into the file; if they cannot be kept, well.
The commands are a form of their own: pen.el reads no more than that."
  (ignore-errors
    (make-directory (file-name-directory (pen-prompt-file)) t)
    (let ((coding-system-for-write 'utf-8-emacs-unix)
          (print-length nil) (print-level nil))
      (with-temp-file (pen-prompt-file)
        (insert ";; Made by pen; `pen-generate-prompt-functions' writes it anew.\n")
        (dolist (form (list (cons pen-prompt--format commands) definitions))
          (prin1 form (current-buffer))
          (insert "\n"))))))

;;;; Functions: one definition

(defun pen-prompt-inputs (definition)
  "Return the variables in the prompt of DEFINITION, in order."
  (seq-take (plist-get definition :variables) (plist-get definition :arity)))

(defun pen-prompt-list-p (variable)
  "Return non-nil if VARIABLE is a list of items, one a line."
  (equal "list" (plist-get variable :type)))

(defun pen-prompt-values (definition args)
  "Return the variables of DEFINITION paired with ARGS, as the wire wants them.
An argument is a string, a number, a list of strings, t, or nil for
the default."
  (let ((inputs (pen-prompt-inputs definition)))
    (unless (= (length inputs) (length args))
      (pen-rpc-signal
       (list :kind 'bad-params
             :message (format "\"%s\" takes %s (%s), but %d were given."
                              (plist-get definition :slug)
                              (pen-figure-count (length inputs) "argument")
                              (mapconcat #'pen-prompt-variable-name inputs ", ")
                              (length args)))))
    (cl-loop for input in inputs
             for arg in args
             when arg collect (list (pen-prompt-variable-name input)
                                    (pen-prompt-variable-text input arg)))))

(defun pen-prompt-variable-text (variable value)
  "Return VALUE as the text of VARIABLE."
  (pcase value
    ((pred stringp) (substring-no-properties value))
    ('t "true")
    ((pred consp) (mapconcat (lambda (each) (format "%s" each)) value
                             (or (plist-get variable :join) "\n")))
    (_ (format "%s" value))))

(defun pen-prompt-variable-name (variable)
  "Return the name of VARIABLE."
  (plist-get variable :name))

(provide 'pen-prompt)
;;; pen-prompt.el ends here
