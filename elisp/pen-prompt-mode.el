;;; pen-prompt-mode.el --- Edit prompt definitions -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A major mode for the YAML files that describe prompts: their keys complete,
;; flymake shows what `pen prompts lint' finds, C-c C-c tries the definition,
;; C-c C-r shows the training row that it makes of its own example, and C-c C-d
;; all there is to it, also to a training set in a file of its own.  To have it
;; for the files of pen.el, and for all in a directory of prompts:
;;
;;   (add-to-list 'auto-mode-alist '("\\.prompt\\'" . prompt-description-mode))
;;   (add-to-list 'auto-mode-alist '("/prompts/[^/]+\\.ya?ml\\'" . prompt-description-mode))

;;; Code:

(require 'cl-lib)
(require 'subr-x)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-place)
(require 'pen-redraw)
(require 'pen-prompt)
(require 'pen-prompt-key)
(require 'pen-prompt-page)
(require 'pen-text)
(require 'pen-argument)
(require 'pen-result)

;;;; Faces

(defface pen-row-prompt '((t :inherit shadow))
  "The part of a training row that the model reads."
  :group 'pen)

(defface pen-row-completion '((t :inherit bold))
  "The part of a training row that the model learns to write."
  :group 'pen)

;;;; Keymaps

(defvar prompt-description-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c C-c") #'pen-prompt-mode-try)
    (define-key map (kbd "C-c C-r") #'pen-prompt-mode-row)
    (define-key map (kbd "C-c C-d") #'pen-prompt-mode-describe)
    (define-key map (kbd "C-M-i") #'completion-at-point) ; not ispell, as in `text-mode'
    map)
  "Keys of `prompt-description-mode'.")

;;;; Internal variables

(defconst pen-prompt-mode--keywords
  '(("^[ \t]*\\(?:- +\\)*\\([a-z][a-z0-9-]*\\):\\(?:[ \t]\\|$\\)" 1 font-lock-keyword-face)
    ("[{,][ \t]*\\([a-z][a-z0-9-]*\\):[ \t]" 1 font-lock-keyword-face)
    ("<[^<>\n]\\{1,60\\}>" 0 font-lock-variable-name-face t)
    ("\\(?:^\\|[ \t]\\)\\(#.*\\)$" 1 font-lock-comment-face t))
  "What is coloured where there is no `yaml-mode'.")

(defvar-local pen-prompt-mode--lint 0
  "Number of the newest request of flymake.")

;;;; Declarations

(declare-function pen-generate-prompt-functions "pen-command" (&optional later))

;;;; Functions: the mode

(defun pen-prompt-mode--parent ()
  "Be in `yaml-mode' if that is there, else in `text-mode'."
  (if (fboundp 'yaml-mode) (yaml-mode) (text-mode)))
(put 'pen-prompt-mode--parent 'derived-mode-parent
     (if (fboundp 'yaml-mode) 'yaml-mode 'text-mode))

;;;###autoload
(define-derived-mode prompt-description-mode pen-prompt-mode--parent "Prompt"
  "Major mode of files that describe prompts.

\\{prompt-description-mode-map}"
  (unless (derived-mode-p 'yaml-mode)
    (setq-local comment-start "# ")
    (setq-local comment-start-skip "#+[ \t]*")
    (setq-local indent-tabs-mode nil)
    (setq-local indent-line-function #'indent-relative)
    (setq font-lock-defaults '(pen-prompt-mode--keywords t)))
  (auto-fill-mode -1)
  (add-hook 'completion-at-point-functions #'pen-prompt-key-complete nil t)
  (add-hook 'flymake-diagnostic-functions #'pen-prompt-mode-flymake nil t)
  (add-hook 'after-save-hook #'pen-prompt-mode--saved nil t)
  (pen-prompt-key-fetch)
  (when buffer-file-name
    (flymake-mode)))

(defun pen-prompt-mode--saved ()
  "Have the commands follow what was saved, unless there is no service."
  (when (and (featurep 'pen-command) (eq (pen-rpc-state) 'ready))
    (pen-generate-prompt-functions t)))

(defun pen-prompt-mode--file ()
  "Return the file of this buffer as the service can read it, or say why it cannot."
  (cond ((not buffer-file-name)
         (user-error "This definition has no file yet; save it with C-x C-w first"))
        ((file-remote-p buffer-file-name)
         (user-error "This definition is on another machine, and pen reads files of this one; save a copy here with C-x C-w"))
        ((buffer-modified-p)
         (if (y-or-n-p (format "Save %s first? " (file-name-nondirectory buffer-file-name)))
             (save-buffer)
           (user-error "Not tried; pen reads the saved file, so C-x C-s first")))
        ((not (file-exists-p buffer-file-name))
         (save-buffer)))
  buffer-file-name)

;;;; Functions: flymake

(defun pen-prompt-mode-flymake (report &rest _)
  "Call REPORT with what is wrong with this buffer, as flymake wants it."
  (let ((number (setq pen-prompt-mode--lint (1+ pen-prompt-mode--lint)))
        (buffer (current-buffer)))
    (cl-flet ((tell (findings)
                (when (and (buffer-live-p buffer)
                           (= number (buffer-local-value 'pen-prompt-mode--lint buffer)))
                  (with-current-buffer buffer
                    (funcall report (mapcar #'pen-prompt-mode--diagnostic findings))))))
      (condition-case err
          (pen-rpc-prompts-lint
           :paths (list (or (and buffer-file-name (file-local-name buffer-file-name))
                            (buffer-name)))
           :text (save-restriction
                   (widen)
                   (pen-text-substring (point-min) (point-max)))
           :then #'tell
           :else (lambda (err)
                   (pen-rpc-log "prompts-lint: %s" (error-message-string err))
                   (tell nil)))
        (user-error (tell (list (list :level 'error :message (cadr err)))))))))

(defun pen-prompt-mode--diagnostic (finding)
  "Return FINDING as a diagnostic of this buffer."
  (pcase-let* ((`(,_ ,line ,column) (or (pen-place-parts (plist-get finding :where)) '(nil 1 nil)))
               (`(,beg . ,end) (save-restriction
                                 (widen)
                                 (flymake-diag-region (current-buffer) line column))))
    (flymake-make-diagnostic (current-buffer) beg (max end (min (1+ beg) (point-max)))
                             (pcase (plist-get finding :level)
                               ('error :error)
                               ('warning :warning)
                               (_ :note))
                             (pen-rpc-advised (plist-get finding :message)
                                              (plist-get finding :hint)))))

;;;; Functions: what a definition makes

(defun pen-prompt-mode--show (function)
  "Call FUNCTION with all of the definition in this buffer, from the service."
  (let ((file (pen-prompt-mode--file)))
    (pen-rpc-prompts-show
     :prompt file
     ;; Not in the process's filter: it may ask something.
     :then (lambda (detail) (run-at-time 0 nil function detail)))))

(defun pen-prompt-mode--draw-row (detail)
  "Show the row made of the example of the definition of DETAIL."
  (let ((example (plist-get detail :example)))
    (with-current-buffer (get-buffer-create "*pen row*")
      (let ((inhibit-read-only t))
        (erase-buffer)
        (special-mode)
        (pen-redraw-header
         (format "%s   weights %s   stops at %s"
                 (plist-get detail :name)
                 (if-let ((weights (plist-get detail :weights)))
                     (mapconcat #'number-to-string weights " ")
                   "of the job")
                 (mapconcat #'prin1-to-string (plist-get detail :stop) " ")))
        (if (not example)
            (insert "No row: a variable of the prompt has neither an example nor a default.\n")
          (insert (propertize (plist-get example :prompt) 'face 'pen-row-prompt)
                  (propertize (or (plist-get example :completion) "")
                              'face 'pen-row-completion)
                  "\n"))
        (goto-char (point-min)))
      (display-buffer (current-buffer)))))

(defun pen-prompt-mode--try (detail)
  "Ask for the values of the definition of DETAIL and show what it writes."
  (if-let ((err (pen-prompt-refusal detail)))
      (message "%s; C-c C-r shows a row of it, C-c C-d all of it" (cadr err))
    (pen-prompt-mode--ask (plist-get detail :summary))))

(defun pen-prompt-mode--ask (definition)
  "Ask for the values of DEFINITION and show what it writes."
  (let ((file (plist-get definition :path))
        (args (mapcar #'pen-argument-read (pen-prompt-inputs definition))))
    (pen-result-start (append (list :slug file) definition)
                      (pen-prompt-values definition args)
                      (and (plist-get definition :refused) '(:without-filters t)))))

;;;; Commands

(defun pen-prompt-mode-try ()
  "Try the definition in this buffer: ask for its values, show what it writes."
  (interactive)
  (pen-prompt-mode--show #'pen-prompt-mode--try))

(defun pen-prompt-mode-row ()
  "Show the training row made of this definition and its own example."
  (interactive)
  (pen-prompt-mode--show #'pen-prompt-mode--draw-row))

(defun pen-prompt-mode-describe ()
  "Show all of this definition or training set, as a page."
  (interactive)
  (pen-prompt-page-show (pen-prompt-mode--file)))

(provide 'pen-prompt-mode)
;;; pen-prompt-mode.el ends here
